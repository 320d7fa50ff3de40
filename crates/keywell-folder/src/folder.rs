use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use keywell_system::directory::Directory;
use keywell_system::{Access, Concern, Opening, Unopened};

/// A folder that was opened. See the [front page](crate) for what it guarantees.
#[derive(Debug)]
pub struct Folder {
    directory: Directory,
    /// The existing folder in which it was created, if it was.
    parent: Option<(PathBuf, Access)>,
}

// === impl Folder ===

impl Folder {
    /// Opens the folder at this path, and makes it, and those above it, where they are missing: for
    /// this user alone.
    ///
    /// # Errors
    ///
    /// Those of the system; [`io::ErrorKind::NotADirectory`] where a file is in its place.
    pub fn make(path: &Path) -> io::Result<Self> {
        let absolute = std::path::absolute(path)?;
        let parent = absolute.ancestors().find(|above| above.exists());
        Directory::make(path)?;
        let mut folder = Self::open(path)?;
        if let Some(parent) = parent.filter(|parent| *parent != absolute) {
            folder.parent = Some((parent.to_owned(), Self::open(parent)?.access()?));
        }
        Ok(folder)
    }

    /// Opens the folder at this path.
    ///
    /// # Errors
    ///
    /// As [`Folder::make`]; [`io::ErrorKind::NotFound`] where there is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            directory: Directory::open(path)?,
            parent: None,
        })
    }

    /// Where it was when it was opened.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The folder as the system knows it.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Who may write to it.
    ///
    /// # Errors
    ///
    /// Those of `fstat`.
    pub fn access(&self) -> io::Result<Access> {
        Access::of(self.directory.handle())
    }

    /// What an operator should know about it before Keywell writes to it, each with the folder that it
    /// is about: this one, or the one above that this one was made in, if that belongs to a user and
    /// this process runs as root.
    ///
    /// # Errors
    ///
    /// Those of `fstat`.
    pub fn concerns(&self) -> io::Result<Vec<(Concern, PathBuf)>> {
        let own = self.access()?.concerns();
        let mut concerns: Vec<_> = own
            .map(|concern| (concern, self.path().to_owned()))
            .collect();
        if let Some((parent, access)) = &self.parent {
            let left = access
                .concerns()
                .filter(|concern| matches!(concern, Concern::RunningAsRoot(_)));
            concerns.extend(left.map(|concern| (concern, parent.clone())));
        }
        Ok(concerns)
    }

    /// This folder, if only this user may write to it.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::PermissionDenied`], which says who may and what to do.
    pub fn owned_alone(self) -> io::Result<Self> {
        let access = self.access()?;
        if access.is_ours_alone() {
            return Ok(self);
        }
        let path = self.path().display();
        let problem = if access.owner == access.user {
            format!("others may write to {path}; run `chmod go-w {path}`")
        } else {
            let (owner, user) = (access.owner, access.user);
            format!("{path} belongs to user {owner}, and this process runs as user {user}")
        };
        Err(io::Error::new(io::ErrorKind::PermissionDenied, problem))
    }

    /// Whether it has something of this name, be it a link that leads nowhere.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn contains(&self, name: &str) -> io::Result<bool> {
        self.directory.contains(name)
    }

    /// Opens a file of this folder to read it.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`]; an error that names the file and says what to do where it is a
    /// symbolic link, no regular file, or one that every user of this machine may write to.
    pub fn open_to_read(&self, name: &str) -> io::Result<File> {
        self.open_file(name, Opening::Read)
    }

    /// Opens a file of this folder to read it and to write to it. Truncates nothing.
    ///
    /// # Errors
    ///
    /// As [`Folder::open_to_read`].
    pub fn open_to_write(&self, name: &str) -> io::Result<File> {
        self.open_file(name, Opening::Write)
    }

    /// As [`Folder::open_to_write`], but creates the file, empty and for this user alone, where it
    /// is missing.
    ///
    /// # Errors
    ///
    /// As [`Folder::open_to_read`].
    pub fn open_or_create(&self, name: &str) -> io::Result<File> {
        self.open_file(name, Opening::WriteOrCreate)
    }

    /// Creates a file, for this user alone, and opens it to read it and to write to it.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`], also where a symbolic link has the name.
    pub fn create_new(&self, name: &str) -> io::Result<File> {
        self.open_file(name, Opening::New)
    }

    /// Gives a file of this folder another name, in place of what had it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.directory.rename(from, to)
    }

    /// Gives a file of this folder another name, unless something has that; whether it got it.
    pub(crate) fn rename_new(&self, from: &str, to: &str) -> io::Result<bool> {
        match self.directory.link(from, to) {
            Ok(()) => self.remove(from),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a file, or a link and not what it points to; whether it was there.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn remove(&self, name: &str) -> io::Result<bool> {
        match self.directory.remove(name) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The names in it that are UTF-8, in no order.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn names(&self) -> io::Result<Vec<String>> {
        self.directory.names()
    }

    /// Makes sure that the names in it outlive a loss of power, not only the files' bytes.
    ///
    /// # Errors
    ///
    /// Those of `fsync`.
    pub fn sync(&self) -> io::Result<()> {
        self.directory.sync()
    }

    fn open_file(&self, name: &str, how: Opening) -> io::Result<File> {
        let file = self.directory.open_file(name, how);
        let file = file.map_err(|unopened| match unopened {
            Unopened::Link => {
                self.refuse(name, "is a symbolic link; replace it by the file itself")
            }
            Unopened::Irregular => self.refuse(name, "is not a regular file; remove it"),
            Unopened::Io(error) => error,
        })?;
        if Access::of(&file)?.is_open_to_strangers() {
            let about = Concern::Strangers.about(&self.path().join(name));
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, about));
        }
        Ok(file)
    }

    fn refuse(&self, name: &str, what: &str) -> io::Error {
        let path = self.path().join(name);
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} {what}", path.display()),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    #[cfg(unix)]
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    struct Scratch {
        parent: tempfile::TempDir,
        folder: Folder,
    }

    impl Scratch {
        fn new() -> Self {
            let parent = tempfile::tempdir().unwrap();
            let folder = Folder::make(&parent.path().join("deep/folder")).unwrap();
            Self { parent, folder }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// What each way to open or create a file answers.
        #[cfg(unix)]
        fn refusals(&self, name: &str) -> Vec<io::Error> {
            let folder = &self.folder;
            [
                folder.open_to_read(name),
                folder.open_to_write(name),
                folder.open_or_create(name),
                folder.create_new(name),
            ]
            .map(|opened| opened.unwrap_err())
            .into()
        }
    }

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[cfg(unix)]
    #[test]
    fn what_it_makes_is_for_this_user_alone() {
        let scratch = Scratch::new();
        scratch.folder.create_new("new").unwrap();
        scratch.folder.open_or_create("other").unwrap();
        assert_eq!(mode(scratch.folder.path()), 0o700);
        assert_eq!(mode(&scratch.parent.path().join("deep")), 0o700);
        assert_eq!(mode(&scratch.path("new")), 0o600);
        assert_eq!(mode(&scratch.path("other")), 0o600);
        assert!(scratch.folder.access().unwrap().is_ours_alone());
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_opened_through_a_link() {
        let scratch = Scratch::new();
        let victim = scratch.parent.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, scratch.path("link")).unwrap();
        let unborn = scratch.parent.path().join("unborn");
        symlink(&unborn, scratch.path("dangling")).unwrap();
        for name in ["link", "dangling"] {
            for error in &scratch.refusals(name)[..3] {
                assert!(error.to_string().contains("symbolic link"), "{error}");
                assert!(error.to_string().contains(name), "{error}");
            }
            let created = scratch.folder.create_new(name).unwrap_err();
            assert_eq!(created.kind(), io::ErrorKind::AlreadyExists);
        }
        assert!(!unborn.exists());
        assert!(scratch.folder.remove("link").unwrap());
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("folder")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(scratch.path("socket")).unwrap();
        let pipe = scratch.path("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for name in ["folder", "socket", "pipe"] {
            for error in &scratch.refusals(name)[..3] {
                assert!(error.to_string().contains("not a regular file"), "{error}");
            }
        }
        drop(socket);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_strangers_may_write_to_is_refused() {
        let scratch = Scratch::new();
        let path = scratch.path("file");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o602)).unwrap();
        for error in &scratch.refusals("file")[..3] {
            let chmod = format!("chmod o-w {}", path.display());
            assert!(error.to_string().contains(&chmod), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        scratch.folder.open_to_write("file").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn another_folder_in_its_place_is_not_the_one_that_was_opened() {
        let scratch = Scratch::new();
        fs::write(scratch.path("file"), "ours").unwrap();
        let moved = scratch.parent.path().join("moved");
        fs::rename(scratch.folder.path(), &moved).unwrap();
        fs::create_dir(scratch.folder.path()).unwrap();
        fs::write(scratch.path("file"), "theirs").unwrap();
        let file = scratch.folder.open_to_read("file").unwrap();
        assert_eq!(io::read_to_string(file).unwrap(), "ours");
        scratch.folder.create_new("new").unwrap();
        assert!(moved.join("new").exists());
        let mut names = scratch.folder.names().unwrap();
        names.sort();
        assert_eq!(names, ["file", "new"]);
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_refused() {
        let scratch = Scratch::new();
        let path = scratch.path("file");
        fs::write(&path, "").unwrap();
        assert!(Folder::make(&path).is_err());
        let error = Folder::open(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    }

    #[test]
    fn what_is_a_folder_is_refused_as_a_file_and_names_are_taken_once() {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("inner")).unwrap();
        let error = scratch.folder.open_or_create("inner").unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
        scratch.folder.create_new("new").unwrap();
        let again = scratch.folder.create_new("new").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert!(scratch.folder.contains("new").unwrap());
        assert!(!scratch.folder.contains("other").unwrap());
        assert!(scratch.folder.remove("new").unwrap());
        assert!(!scratch.folder.remove("new").unwrap());
    }

    /// On Windows it cannot be replaced while it is open.
    #[cfg(windows)]
    #[test]
    fn a_folder_that_is_open_stays_in_its_place() {
        let scratch = Scratch::new();
        let moved = scratch.parent.path().join("moved");
        assert!(fs::rename(scratch.folder.path(), &moved).is_err());
    }
}
