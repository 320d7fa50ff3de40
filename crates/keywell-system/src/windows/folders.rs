//! Where the platform's rules put the folders of a user.

use std::path::PathBuf;

/// The home folder.
pub fn home() -> Option<PathBuf> {
    absolute("USERPROFILE")
}

/// Keywell's folder for what is to stay.
pub fn state() -> Option<PathBuf> {
    absolute("LOCALAPPDATA").map(|local| local.join("keywell").join("state"))
}

/// Keywell's folder for what can be made again.
pub fn cache() -> Option<PathBuf> {
    absolute("LOCALAPPDATA").map(|local| local.join("keywell").join("cache"))
}

/// Keywell's folder for what ends with the user's session, where the system has one.
pub fn session() -> Option<PathBuf> {
    None
}

/// A folder that the environment names.
fn absolute(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(name).map(PathBuf::from);
    folder.filter(|path| path.is_absolute())
}
