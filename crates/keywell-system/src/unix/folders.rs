//! Where the platform's rules put the folders of a user. They are those of XDG, also on macOS, as
//! is usual for programs of the command line.

use std::path::PathBuf;

/// The home folder.
pub fn home() -> Option<PathBuf> {
    absolute("HOME")
}

/// Keywell's folder for what is to stay.
pub fn state() -> Option<PathBuf> {
    let states =
        absolute("XDG_STATE_HOME").or_else(|| home().map(|home| home.join(".local/state")))?;
    Some(states.join("keywell"))
}

/// Keywell's folder for what can be made again.
pub fn cache() -> Option<PathBuf> {
    let caches = absolute("XDG_CACHE_HOME").or_else(|| home().map(|home| home.join(".cache")))?;
    Some(caches.join("keywell"))
}

/// Keywell's folder for what ends with the user's session, where the system has one.
pub fn session() -> Option<PathBuf> {
    absolute("XDG_RUNTIME_DIR").map(|folder| folder.join("keywell"))
}

/// A folder that the environment names.
fn absolute(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(name).map(PathBuf::from);
    folder.filter(|path| path.is_absolute())
}
