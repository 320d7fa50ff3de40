use std::path::PathBuf;

use clap::Args;
use keywell_app::{AppOptions, ControlOptions};
use keywell_runtime::Options;
use keywell_system::folders;

use super::compiling;
use super::output;
use super::state::{self, StateArguments};

/// Where compiled components and images are kept.
#[derive(Args, Clone)]
pub(super) struct CacheFolder {
    /// Where compiled components and images are kept.
    #[arg(
        long,
        value_name = "FOLDER",
        env = "KEYWELL_CACHE",
        hide_env_values = true
    )]
    cache: Option<PathBuf>,
}

/// Whether and where compiled components are kept.
#[derive(Args, Clone)]
pub(super) struct CacheArguments {
    #[command(flatten)]
    folder: CacheFolder,

    /// Compile every time, and keep no compiled component. Images are kept.
    #[arg(long)]
    no_cache: bool,
}

// === impl CacheFolder ===

impl CacheFolder {
    /// The folder; none where the environment names none.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        self.cache.clone().or_else(folders::cache)
    }

    /// What a runtime takes that runs nothing: it reads and compiles components of any size.
    pub(super) fn alone(&self) -> Options {
        Options {
            cache: self.folder(),
            instances: 1,
            memory: usize::try_from(1_u64 << 32).unwrap_or(usize::MAX),
            listener: compiling::listener(),
            ..Options::default()
        }
    }

    /// The folder of images in it.
    pub(super) fn images(&self) -> Option<PathBuf> {
        Some(self.folder()?.join("images"))
    }
}

// === impl CacheArguments ===

impl CacheArguments {
    /// What an application takes from this process.
    pub(super) fn options(&self, state: &StateArguments) -> AppOptions {
        AppOptions {
            cache: self.folder(),
            members: members(),
            control: Some(ControlOptions {
                processes: state.folder().map(|state| state::processes(&state)),
            }),
            output: output::output().clone(),
            listener: compiling::listener(),
        }
    }

    /// As [`options`](Self::options), for an application that no other process is shown. What its
    /// components print goes to standard error.
    pub(super) fn alone(&self) -> AppOptions {
        AppOptions {
            cache: self.folder(),
            output: output::output().all_to_stderr(),
            listener: compiling::listener(),
            ..AppOptions::default()
        }
    }

    /// The folder of compiled components; none where none is to be kept.
    fn folder(&self) -> Option<PathBuf> {
        (!self.no_cache).then(|| self.folder.folder())?
    }

    /// The folder of images.
    pub(super) fn images(&self) -> Option<PathBuf> {
        self.folder.images()
    }
}

/// Where the processes of this user show each other that they live.
fn members() -> Option<PathBuf> {
    Some(folders::session().or_else(folders::cache)?.join("members"))
}
