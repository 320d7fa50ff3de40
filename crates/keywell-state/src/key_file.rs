use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use keywell_folder::{Access, Folder};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::home::{Home, check_owner, failed, open_file};
use crate::key::Key;

/// The file of the key in a state folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyFile<'h>(pub(crate) &'h Home);

const NAME: &str = "secrets.key";
const MAX_BYTES: u64 = 4096;

// === impl KeyFile ===

impl KeyFile<'_> {
    pub(crate) fn path(self) -> PathBuf {
        self.0.path().join(NAME)
    }

    /// Reads the key; none where the file is missing.
    pub(crate) fn read(self) -> Result<Option<Key>, Error> {
        match self.0.open()? {
            Some(folder) => read(&folder),
            None => Ok(None),
        }
    }

    /// Makes a key, or reads that of a process that was faster.
    pub(crate) fn make(self) -> Result<Key, Error> {
        let key = Key::generate().map_err(|source| Error::Key {
            path: self.path(),
            source,
        })?;
        let folder = self.0.make()?;
        let write = || {
            let mut draft = folder.draft()?;
            draft.file().write_all(key.lines().as_bytes())?;
            let is_ours = draft.keep_new(NAME)?;
            folder.sync()?;
            Ok(is_ours)
        };
        if write().map_err(failed(self.path()))? {
            return Ok(key);
        }
        read(&folder)?.ok_or_else(|| Error::NoKey { path: self.path() })
    }
}

fn read(folder: &Folder) -> Result<Option<Key>, Error> {
    const OTHERS: u32 = 0o077;

    let Some(file) = open_file(folder, NAME)? else {
        return Ok(None);
    };
    let path = folder.path().join(NAME);
    let access = Access::of(&file).map_err(failed(&path))?;
    check_owner(access, &path)?;
    if access.mode & OTHERS != 0 {
        let path = path.display();
        return Err(Error::Open(format!(
            "other users of this machine may use the key {path}; run `chmod 600 {path}`"
        )));
    }
    let mut text = Zeroizing::new(String::new());
    let read = file.take(MAX_BYTES).read_to_string(&mut text);
    read.map_err(failed(&path))?;
    let key = Key::parse(&text).map_err(|source| Error::Key { path, source })?;
    Ok(Some(key))
}
