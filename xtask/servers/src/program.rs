//! Finds the programs that are installed.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// Names the server that is run, instead of the first on the `PATH`.
pub const SERVER: &str = "KEYWELL_REDIS_SERVER";

/// The server: what `KEYWELL_REDIS_SERVER` names, or `redis-server` or `valkey-server`, whichever is
/// on the `PATH`.
///
/// # Errors
///
/// [`Error::Missing`], which says what to install and how.
pub fn server() -> Result<PathBuf> {
    if let Some(named) = env::var_os(SERVER) {
        let found = find(&named.to_string_lossy());
        return found.ok_or_else(|| {
            let named = named.to_string_lossy();
            Error::Missing(format!("{SERVER} names {named:?}, which is not there"))
        });
    }
    find("redis-server")
        .or_else(valkey)
        .ok_or_else(|| missing("redis-server"))
}

/// Valkey's server, where it is installed.
pub fn valkey() -> Option<PathBuf> {
    find("valkey-server")
}

/// A tool of the server's: `cli` or `benchmark`, as `redis-cli` or `valkey-cli`.
///
/// # Errors
///
/// [`Error::Missing`], as [`server`].
pub fn tool(name: &str) -> Result<PathBuf> {
    let names = [format!("redis-{name}"), format!("valkey-{name}")];
    let found = names.iter().find_map(|name| find(name));
    found.ok_or_else(|| missing(&names[0]))
}

fn missing(program: &str) -> Error {
    Error::Missing(format!(
        "{program} is not installed. Debian and Ubuntu: apt-get install redis-server; Fedora: dnf \
         install valkey; macOS: brew install redis; Alpine: apk add redis. Or set {SERVER} to \
         the server's path"
    ))
}

/// A program on the `PATH`, or at the path given.
fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_file());
    }
    let path = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin"));
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
