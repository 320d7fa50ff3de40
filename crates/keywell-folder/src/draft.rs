use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime};

use crate::Folder;

/// A file that appears in its [`Folder`] whole or not at all: it is written under a random name,
/// and gets its own at the end. Dropped before that, it is gone.
#[derive(Debug)]
pub struct Draft<'f> {
    folder: &'f Folder,
    name: String,
    file: File,
    is_kept: bool,
}

const PREFIX: &str = "draft-";

/// How old a draft is at least whose writer has died.
const ABANDONED: Duration = Duration::from_hours(1);

// === impl Folder ===

impl Folder {
    /// Begins a file that appears in this folder whole or not at all.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn draft(&self) -> io::Result<Draft<'_>> {
        Draft::begin(self)
    }
}

// === impl Draft ===

impl<'f> Draft<'f> {
    fn begin(folder: &'f Folder) -> io::Result<Self> {
        // Random, as process ids say nothing where containers share a folder; and created by
        // `O_EXCL`, so that even the same name twice would be an error and not one file.
        let name = format!("{PREFIX}{:032x}", rand::random::<u128>());
        Ok(Self {
            file: folder.create_new(&name)?,
            folder,
            name,
            is_kept: false,
        })
    }

    /// The file, to be written to.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives it its name, in place of what had it, once its bytes are on the disk. The name itself
    /// may be lost with the power, unless [`Folder::sync`] follows.
    ///
    /// # Errors
    ///
    /// Those of the system; then what had the name still has it.
    pub fn keep(mut self, name: &str) -> io::Result<()> {
        self.file.sync_all()?;
        self.folder.rename(&self.name, name)?;
        self.is_kept = true;
        Ok(())
    }

    /// As [`keep`](Self::keep), unless something has the name already; whether it got it. Of several
    /// that are kept so at the same time, one does.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn keep_new(mut self, name: &str) -> io::Result<bool> {
        self.file.sync_all()?;
        let is_new = self.folder.rename_new(&self.name, name)?;
        self.is_kept = is_new;
        Ok(is_new)
    }

    /// Removes the drafts in a folder whose writers died: those that were last written an hour ago.
    /// What has a dot in its name is no draft.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn sweep(folder: &Folder) -> io::Result<()> {
        let names = folder.names()?;
        let is_draft = |name: &&String| name.starts_with(PREFIX) && !name.contains('.');
        for name in names.iter().filter(is_draft) {
            // One that is gone was kept or swept by another process.
            let Ok(file) = folder.open_to_read(name) else {
                continue;
            };
            let written = file
                .metadata()?
                .modified()
                .unwrap_or(SystemTime::UNIX_EPOCH);
            if written.elapsed().is_ok_and(|age| age > ABANDONED) {
                folder.remove(name)?;
            }
        }
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            // The error that led here is reported; what stays behind is swept later.
            drop(self.folder.remove(&self.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path()).unwrap();
        (parent, folder)
    }

    #[test]
    fn two_drafts_of_one_process_are_two_files() {
        let (parent, folder) = folder();
        let [mut one, mut other] = [folder.draft().unwrap(), folder.draft().unwrap()];
        one.file().write_all(b"on").unwrap();
        other.file().write_all(b"other").unwrap();
        one.file().write_all(b"e").unwrap();
        one.keep("one").unwrap();
        other.keep("other").unwrap();
        assert_eq!(fs::read(parent.path().join("one")).unwrap(), b"one");
        assert_eq!(fs::read(parent.path().join("other")).unwrap(), b"other");
        assert_eq!(folder.names().unwrap().len(), 2);
    }

    #[test]
    fn a_draft_that_is_not_kept_is_gone() {
        let (_parent, folder) = folder();
        drop(folder.draft().unwrap());
        assert_eq!(folder.names().unwrap(), [""; 0]);
        // A folder has the name, so the draft cannot.
        fs::create_dir_all(folder.path().join("taken/deep")).unwrap();
        folder.draft().unwrap().keep("taken").unwrap_err();
        assert_eq!(folder.names().unwrap(), ["taken"]);
    }

    #[test]
    fn a_new_file_takes_no_name_from_another() {
        let (parent, folder) = folder();
        for (text, is_new) in [("one", true), ("other", false)] {
            let mut draft = folder.draft().unwrap();
            draft.file().write_all(text.as_bytes()).unwrap();
            assert_eq!(draft.keep_new("name").unwrap(), is_new);
            assert_eq!(folder.names().unwrap(), ["name"]);
        }
        assert_eq!(fs::read(parent.path().join("name")).unwrap(), b"one");
    }

    #[test]
    fn drafts_of_the_dead_are_swept_and_others_are_not() {
        let (_parent, folder) = folder();
        let long_ago = SystemTime::now() - ABANDONED - Duration::from_secs(1);
        for name in ["draft-dead", "draft-of-a-letter.toml", "entry"] {
            let file = folder.create_new(name).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        let living = folder.draft().unwrap();
        Draft::sweep(&folder).unwrap();
        let mut names = folder.names().unwrap();
        names.sort();
        let kept = ["draft-of-a-letter.toml", "entry"].map(str::to_owned);
        let mut expected = [&kept[..], std::slice::from_ref(&living.name)].concat();
        expected.sort();
        assert_eq!(names, expected);
    }
}
