use std::path::PathBuf;

use clap::Args;
use keywell_app::AppOptions;

use super::output;

/// Where compiled components are kept.
#[derive(Args)]
pub(super) struct CacheArguments {
    /// Where compiled components are kept.
    #[arg(
        long,
        value_name = "FOLDER",
        env = "KEYWELL_CACHE",
        hide_env_values = true
    )]
    cache: Option<PathBuf>,

    /// Compile every time, and cache nothing.
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

// === impl CacheArguments ===

impl CacheArguments {
    /// What an application takes from this process.
    pub(super) fn options(&self) -> AppOptions {
        AppOptions {
            cache: self.folder(),
            members: members(),
            output: output::output().clone(),
        }
    }

    /// The folder; none where nothing is to be kept.
    fn folder(&self) -> Option<PathBuf> {
        if self.no_cache {
            return None;
        }
        self.cache.clone().or_else(cache)
    }
}

/// The user's cache folder, where the platform's rules put it.
pub(super) fn cache() -> Option<PathBuf> {
    let caches =
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(caches.join("keywell"))
}

/// Where the processes of this user show each other that they live.
fn members() -> Option<PathBuf> {
    let runtime = absolute("XDG_RUNTIME_DIR").map(|folder| folder.join("keywell"));
    Some(runtime.or_else(cache)?.join("members"))
}

/// A folder that the environment names.
fn absolute(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(name).map(PathBuf::from);
    folder.filter(|path| path.is_absolute())
}
