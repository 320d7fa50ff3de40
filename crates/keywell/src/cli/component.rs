use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use keywell_runtime::{LoadedComponent, Options, Runtime};

use super::Failed;
use super::units::{duration, size};

/// A component, and what bounds it.
#[derive(Args)]
pub(super) struct ComponentArguments {
    /// The component's file.
    #[arg(value_name = "COMPONENT")]
    pub(super) component: PathBuf,

    /// An environment variable for the component; may be repeated. It gets no other.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub(super) variables: Vec<(String, String)>,

    /// How long a call may take: 500ms, 30s, 5m.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    timeout: Duration,

    /// How much memory an instance may have: 64KiB, 256MiB, 1GiB.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    memory: usize,

    /// How many instances may be there at once; requests past it wait.
    #[arg(long, value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    instances: u32,

    /// Where compiled components are kept.
    #[arg(long, value_name = "FOLDER", env = "KEYWELL_CACHE")]
    cache: Option<PathBuf>,

    /// Compile anew, and keep nothing.
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

// === impl ComponentArguments ===

impl ComponentArguments {
    pub(super) fn load(&self) -> Result<(Runtime, LoadedComponent), Failed> {
        let runtime = Runtime::new(&self.options())?;
        let component = runtime.load(&self.component)?;
        Ok((runtime, component))
    }

    /// The component's file name, which a command sees as its first argument.
    pub(super) fn name(&self) -> String {
        self.component
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    fn options(&self) -> Options {
        let cache = if self.no_cache {
            None
        } else {
            self.cache.clone().or_else(cache)
        };
        Options {
            memory: self.memory,
            timeout: self.timeout,
            instances: self.instances,
            cache,
            ..Options::default()
        }
    }
}

/// The user's cache folder, where the platform's rules put it.
pub(super) fn cache() -> Option<PathBuf> {
    let folder = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches =
        folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
    Some(caches.join("keywell"))
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
