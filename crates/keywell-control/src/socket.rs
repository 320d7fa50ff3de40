use std::io;

use keywell_folder::Folder;
use keywell_system::process::user;
use keywell_system::socket::{self, Stream};

use crate::user::may_answer;

/// Connects to a socket of a folder, at which a process of this user or of root listens. A folder
/// that every user may write to has none.
pub(crate) async fn connect(folder: &Folder, name: &str) -> io::Result<Stream> {
    if folder.access()?.is_open_to_strangers() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let stream = socket::connect(folder.directory(), name).await?;
    let owner = socket::peer(&stream)?;
    if !may_answer(owner, user()) {
        let problem = format!("the process that listens there is of the user {owner}");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, problem));
    }
    Ok(stream)
}
