//! Folders by their handles.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, fsync, linkat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use crate::{Opening, Unopened};

/// A folder that is open. Its files are opened relative to its handle.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    handle: File,
}

// === impl Directory ===

impl Directory {
    /// Makes the folder at this path, and those above it, where they are missing: for this user
    /// alone.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn make(path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    /// Opens the folder at this path.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`]; [`io::ErrorKind::NotADirectory`] where a file is in its place.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            handle: rustix::fs::open(path, flags, Mode::empty())?.into(),
            path: path.to_owned(),
        })
    }

    /// Where it was when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder itself.
    pub fn handle(&self) -> &File {
        &self.handle
    }

    /// Opens a file of the folder, if it is a regular file and its name is no link. A new one is for
    /// this user alone.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] as an [`Unopened::Io`] where [`Opening::New`] finds
    /// something.
    pub fn open_file(&self, name: &str, how: Opening) -> Result<File, Unopened> {
        let how = match how {
            Opening::Read => OFlags::RDONLY,
            Opening::Write => OFlags::RDWR,
            Opening::WriteOrCreate => OFlags::RDWR | OFlags::CREATE,
            Opening::New => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        };
        // Without `NONBLOCK`, opening a pipe would wait for its other end. Regular files, which are
        // all that is let through below, do not heed it.
        let flags = how | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = match openat(&self.handle, name, flags, mode) {
            Ok(file) => File::from(file),
            // What a symbolic link answers; MLINK on FreeBSD.
            Err(Errno::LOOP | Errno::MLINK) => return Err(Unopened::Link),
            // What a socket answers, which is another on macOS, and a folder that is to be written to.
            Err(Errno::NXIO | Errno::OPNOTSUPP | Errno::ISDIR) => return Err(Unopened::Irregular),
            Err(error) => return Err(Unopened::Io(error.into())),
        };
        if !file.metadata().map_err(Unopened::Io)?.is_file() {
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
        match statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a file of the folder another name, in place of what had it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.handle, from, &self.handle, to)?)
    }

    /// Gives a file of the folder a second name.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] where something has that name.
    pub fn link(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(linkat(
            &self.handle,
            from,
            &self.handle,
            to,
            AtFlags::empty(),
        )?)
    }

    /// Removes a file, or a link and not what it points to.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`].
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    /// The names in it that are UTF-8, in no order.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Writes the names in it to the disk.
    ///
    /// # Errors
    ///
    /// Those of `fsync`.
    pub fn sync(&self) -> io::Result<()> {
        Ok(fsync(&self.handle)?)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}
