use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A file that a user names, which appears whole or not at all: it is written beside its place and moved there at the
/// end. Dropped before that, it is gone, and what was in its place stays.
pub(in crate::cli) struct Draft {
    file: File,
    /// Where it is written and where it shall be; none where it is written in place.
    moves: Option<(PathBuf, PathBuf)>,
}

// === impl Draft ===

impl Draft {
    pub(in crate::cli) fn begin(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => Err(ErrorKind::IsADirectory.into()),
            // Of a link, the file that it points to is replaced, and its permissions stay.
            Ok(there) if there.is_file() => {
                let draft = Self::beside(&fs::canonicalize(path)?)?;
                draft.file.set_permissions(there.permissions())?;
                Ok(draft)
            }
            // A device or a pipe is there to be written to, not to be replaced.
            Ok(_) => Ok(Self {
                file: OpenOptions::new().write(true).open(path)?,
                moves: None,
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::beside(path),
            Err(error) => Err(error),
        }
    }

    fn beside(path: &Path) -> io::Result<Self> {
        let pid = std::process::id();
        // A name may be taken by a draft of a process that was killed and had the same number.
        let names = (0..100).map(|n| path.with_file_name(format!(".keywell-{pid}-{n}.partial")));
        for draft in names {
            match File::create_new(&draft) {
                Ok(file) => {
                    let moves = Some((draft, path.to_owned()));
                    return Ok(Self { file, moves });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    pub(in crate::cli) fn file(&self) -> &File {
        &self.file
    }

    /// Puts the file in its place, once it is on the disk.
    pub(in crate::cli) fn keep(mut self) -> io::Result<()> {
        let Some((draft, path)) = &self.moves else {
            return Ok(());
        };
        self.file.sync_all()?;
        fs::rename(draft, path)?;
        self.moves = None;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some((draft, _)) = &self.moves {
            // The error that led here is reported already.
            drop(fs::remove_file(draft));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_draft_that_is_not_kept_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "before").unwrap();
        let draft = Draft::begin(&path).unwrap();
        draft.file().write_all(b"half of").unwrap();
        drop(draft);
        assert_eq!(fs::read(&path).unwrap(), b"before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_draft_of_a_link_replaces_the_file_and_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&path, "before").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let draft = Draft::begin(&link).unwrap();
        draft.file().write_all(b"after").unwrap();
        draft.keep().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
