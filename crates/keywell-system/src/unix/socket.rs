//! Sockets in folders.
//!
//! A socket's address has room for about a hundred bytes of path. A longer path leads through the
//! handle of the folder, `/proc/self/fd/N/NAME`, which Linux has.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::directory::Directory;

/// A connection.
pub type Stream = UnixStream;

/// Accepts connections.
#[derive(Debug)]
pub struct Listener(UnixListener);

/// The longest path in an address, in bytes: macOS has room for 103, Linux for 107.
const LONGEST: usize = 103;

// === impl Listener ===

impl Listener {
    /// Listens at a name of a folder, for this user alone. A socket that a killed process left there
    /// is replaced, so a name must not be that of a process that runs.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn bind(folder: &Directory, name: &str) -> io::Result<Self> {
        let path = folder.path().join(name);
        // What is no socket belongs to another program, and stays.
        if fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket()) {
            folder.remove(name)?;
        }
        let address = address(folder, name);
        let listener = UnixListener::bind(&address)?;
        fs::set_permissions(&address, Permissions::from_mode(0o600))?;
        Ok(Self(listener))
    }

    /// The next connection.
    ///
    /// # Errors
    ///
    /// Those of the system, for lack of file descriptors, say, which others free.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        self.0.accept().await.map(|(stream, _)| stream)
    }
}

/// Connects to a socket of a folder.
///
/// # Errors
///
/// [`io::ErrorKind::NotFound`]; [`io::ErrorKind::ConnectionRefused`] where nothing listens.
pub async fn connect(folder: &Directory, name: &str) -> io::Result<Stream> {
    UnixStream::connect(address(folder, name)).await
}

/// Connects to a Unix socket of another program.
///
/// # Errors
///
/// Those of the system.
pub async fn connect_to(path: &Path) -> io::Result<Stream> {
    UnixStream::connect(path).await
}

/// The user of the process at the other end.
///
/// # Errors
///
/// Those of the system.
pub fn peer(stream: &Stream) -> io::Result<u32> {
    Ok(stream.peer_cred()?.uid())
}

fn address(folder: &Directory, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    if path.as_os_str().len() <= LONGEST {
        return path;
    }
    let handle = folder.as_fd().as_raw_fd();
    format!("/proc/self/fd/{handle}/{name}").into()
}
