//! Folders by their handles.
//!
//! No call here opens a file relative to a handle. Instead, a folder that is open cannot be renamed,
//! removed or replaced, nor can those above it: its handle does not share that right. So a path
//! leads to the folder that was opened for as long as it is open.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::{Opening, Unopened};

/// A folder that is open.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    handle: File,
}

/// Allows to open a folder.
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
/// Opens a link itself, not what it points to.
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
/// Others may read and write, but not rename or remove.
const FILE_SHARE_READ_WRITE: u32 = 0x1 | 0x2;

// === impl Directory ===

impl Directory {
    /// Makes the folder at this path, and those above it, where they are missing. They have the
    /// rights of the folder above.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn make(path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).create(path)
    }

    /// Opens the folder at this path.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`]; [`io::ErrorKind::NotADirectory`] where a file is in its place.
    pub fn open(path: &Path) -> io::Result<Self> {
        let handle = OpenOptions::new()
            .read(true)
            .share_mode(FILE_SHARE_READ_WRITE)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
            .open(path)?;
        if !handle.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        // Absolute, as the process may change its folder.
        let path = std::path::absolute(path)?;
        Ok(Self { path, handle })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder itself.
    pub fn handle(&self) -> &File {
        &self.handle
    }

    /// Opens a file of the folder, if it is a regular file and its name is no link. A new one has the
    /// rights of the folder.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] as an [`Unopened::Io`] where [`Opening::New`] finds
    /// something.
    pub fn open_file(&self, name: &str, how: Opening) -> Result<File, Unopened> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(how != Opening::Read);
        options.create(how == Opening::WriteOrCreate);
        options.create_new(how == Opening::New);
        options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
        let file = match options.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Unopened::Io(error));
            }
            // A folder is said to be denied.
            Err(error) => {
                let is_folder = fs::symlink_metadata(&path).is_ok_and(|there| there.is_dir());
                return Err(if is_folder {
                    Unopened::Irregular
                } else {
                    Unopened::Io(error)
                });
            }
        };
        let metadata = file.metadata().map_err(Unopened::Io)?;
        if metadata.is_symlink() {
            return Err(Unopened::Link);
        }
        if !metadata.is_file() {
            return Err(Unopened::Irregular);
        }
        Ok(file)
    }

    /// Whether it has something of this name, be it a link that leads nowhere.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn contains(&self, name: &str) -> io::Result<bool> {
        match fs::symlink_metadata(self.path.join(name)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives a file of the folder another name, in place of what had it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    /// Gives a file of the folder a second name.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] where something has that name; also of file systems that
    /// have no second names, such as FAT.
    pub fn link(&self, from: &str, to: &str) -> io::Result<()> {
        fs::hard_link(self.path.join(from), self.path.join(to))
    }

    /// Removes a file, or a link and not what it points to.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`].
    pub fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    /// The names in it that are Unicode, in no order.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    /// Nothing: the file system keeps a log of names, and there is no call to wait for it.
    ///
    /// # Errors
    ///
    /// None.
    pub fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
