use std::path::PathBuf;

use clap::Args;

/// Where compiled components are kept.
#[derive(Args)]
pub(super) struct CacheArguments {
    /// Where compiled components are kept.
    #[arg(long, value_name = "FOLDER", env = "KEYWELL_CACHE")]
    cache: Option<PathBuf>,

    /// Compile anew, and keep nothing.
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

// === impl CacheArguments ===

impl CacheArguments {
    /// The folder; none where nothing is to be kept.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        if self.no_cache {
            return None;
        }
        self.cache.clone().or_else(cache)
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
