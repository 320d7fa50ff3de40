//! Sockets in folders.
//!
//! A socket's address has room for about a hundred bytes of path. A longer path leads through the
//! handle of the folder, `/proc/self/fd/N/NAME`, which Linux has.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::PathBuf;

use keywell_folder::Folder;
use rustix::process::geteuid;
use tokio::net::{UnixListener, UnixStream};

use crate::user::may_answer;

/// The longest path in an address, in bytes: macOS has room for 103, Linux for 107.
const LONGEST: usize = 103;

/// Listens at a name of a folder, for this user alone. A socket that a killed process left there is
/// replaced, so a name must not be that of a process that runs.
pub(crate) fn bind(folder: &Folder, name: &str) -> io::Result<UnixListener> {
    let path = folder.path().join(name);
    // What is no socket belongs to another program, and stays.
    if fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket()) {
        folder.remove(name)?;
    }
    let address = address(folder, name);
    let listener = UnixListener::bind(&address)?;
    fs::set_permissions(&address, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to a socket of a folder, at which a process of this user or of root listens. A folder
/// that every user may write to has none.
pub(crate) async fn connect(folder: &Folder, name: &str) -> io::Result<UnixStream> {
    if folder.access()?.is_open_to_strangers() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let stream = UnixStream::connect(address(folder, name)).await?;
    let owner = stream.peer_cred()?.uid();
    if !may_answer(owner, geteuid().as_raw()) {
        let problem = format!("the process that listens there is of the user {owner}");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, problem));
    }
    Ok(stream)
}

fn address(folder: &Folder, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    if path.as_os_str().len() <= LONGEST {
        return path;
    }
    let handle = folder.as_fd().as_raw_fd();
    format!("/proc/self/fd/{handle}/{name}").into()
}
