use std::io;
use std::path::Path;

use keywell_folder::Folder;

/// Opens a folder that only this user may write to, and makes it where it is missing.
///
/// # Errors
///
/// When it cannot be made or opened, or when others may write to it.
pub(crate) fn own_folder(path: &Path) -> io::Result<Folder> {
    checked(Folder::make(path)?)
}

/// As [`own_folder`], of a folder that has to be there.
pub(crate) fn existing_own_folder(path: &Path) -> io::Result<Folder> {
    checked(Folder::open(path)?)
}

fn checked(folder: Folder) -> io::Result<Folder> {
    let folder = folder.owned_alone()?;
    for (concern, path) in folder.concerns()? {
        tracing::warn!("{}", concern.about(&path));
    }
    Ok(folder)
}
