use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use keywell_folder::Draft;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::home::{Home, failed, open_file, unwritten};
use crate::name::Name;

/// The files of one kind: each in a folder of the state folder, and called by its name and a suffix.
///
/// With the suffix no name is that of a [`Draft`].
#[derive(Clone, Debug)]
pub(crate) struct Files {
    home: Home,
    folder: &'static str,
    suffix: &'static str,
}

// === impl Files ===

impl Files {
    /// `suffix` begins with a dot.
    pub(crate) fn new(home: Home, folder: &'static str, suffix: &'static str) -> Self {
        Self {
            home,
            folder,
            suffix,
        }
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// Where the file of a name is.
    pub(crate) fn path(&self, name: &Name) -> PathBuf {
        let folder = self.home.path().join(self.folder);
        folder.join(self.file(name))
    }

    /// The names in their order.
    pub(crate) fn names(&self) -> Result<Vec<Name>, Error> {
        let Some(folder) = self.home.open_part(self.folder)? else {
            return Ok(Vec::new());
        };
        let files = folder.names().map_err(failed(folder.path()))?;
        let names = files.iter().filter_map(|file| {
            let name = file.strip_suffix(self.suffix)?;
            name.parse().ok()
        });
        let mut names: Vec<Name> = names.collect();
        names.sort();
        Ok(names)
    }

    /// What a file holds, up to a byte more than `most`; none where it is missing.
    pub(crate) fn read(
        &self,
        name: &Name,
        most: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let Some(folder) = self.home.open_part(self.folder)? else {
            return Ok(None);
        };
        let Some(file) = open_file(&folder, &self.file(name))? else {
            return Ok(None);
        };
        let mut bytes = Zeroizing::new(Vec::new());
        let read = file.take(most as u64 + 1).read_to_end(&mut bytes);
        read.map_err(failed(self.path(name)))?;
        Ok(Some(bytes))
    }

    /// Puts bytes in the place of what a file held.
    pub(crate) fn write(&self, name: &Name, bytes: &[u8]) -> Result<(), Error> {
        let folder = self.home.make_part(self.folder)?;
        let write = || {
            Draft::sweep(&folder)?;
            let mut draft = folder.draft()?;
            draft.file().write_all(bytes)?;
            draft.keep(&self.file(name))?;
            folder.sync()
        };
        write().map_err(unwritten(self.path(name)))
    }

    /// Removes a file; whether it was there.
    pub(crate) fn remove(&self, name: &Name) -> Result<bool, Error> {
        let Some(folder) = self.home.open_part(self.folder)? else {
            return Ok(false);
        };
        let remove = || {
            let was_there = folder.remove(&self.file(name))?;
            folder.sync()?;
            Ok(was_there)
        };
        remove().map_err(failed(self.path(name)))
    }

    fn file(&self, name: &Name) -> String {
        format!("{name}{}", self.suffix)
    }
}
