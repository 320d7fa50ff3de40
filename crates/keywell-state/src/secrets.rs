use keywell_store::Secret;

use crate::error::Error;
use crate::files::Files;
use crate::key::Key;
use crate::key_file::KeyFile;
use crate::name::Name;

/// The secrets of a state folder: a file each, encrypted.
#[derive(Clone, Debug)]
pub struct Secrets {
    files: Files,
    /// Another key than that of the folder.
    key: Option<Key>,
}

// === impl Secrets ===

impl Secrets {
    /// The most bytes of a secret.
    pub const MAX_BYTES: usize = 64 << 10;

    /// The most bytes of its file: its header, and a tag for the secret.
    const MAX_FILE_BYTES: usize = Self::MAX_BYTES + 4096;

    pub(crate) fn new(files: Files, key: Option<Key>) -> Self {
        Self { files, key }
    }

    /// The names of the secrets, in their order. No key is needed.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Open`].
    pub fn names(&self) -> Result<Vec<Name>, Error> {
        self.files.names()
    }

    /// Decrypts a secret; none where there is none. The memory used meanwhile is cleared.
    ///
    /// # Errors
    ///
    /// [`Error::Undecryptable`], [`Error::NoKey`], [`Error::Key`], [`Error::Io`], [`Error::Open`].
    pub fn get(&self, name: &Name) -> Result<Option<Secret>, Error> {
        let Some(encrypted) = self.files.read(name, Self::MAX_FILE_BYTES)? else {
            return Ok(None);
        };
        let key = match &self.key {
            Some(key) => key.clone(),
            None => self.key_file().read()?.ok_or_else(|| self.no_key())?,
        };
        let undecryptable = || Error::Undecryptable {
            name: name.clone(),
            key: self.key_name(),
            path: self.files.path(name),
        };
        let bytes = key.decrypt(&encrypted, Self::MAX_FILE_BYTES);
        let bytes = bytes.map_err(|_| undecryptable())?;
        // What was put there is text.
        let text = std::str::from_utf8(&bytes).map_err(|_| undecryptable())?;
        Ok(Some(text.to_owned().into()))
    }

    /// Puts a secret in the place of what has the name, encrypted. The first makes the key of the
    /// folder, unless there is another.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where it is no text, empty, or larger than [`Secrets::MAX_BYTES`]; as
    /// [`Secrets::get`].
    pub fn put(&self, name: &Name, value: &[u8]) -> Result<(), Error> {
        let refused = |what: String| Err(Error::Refused(format!("the secret {name} {what}")));
        if value.is_empty() {
            return refused("is empty".to_owned());
        }
        if value.len() > Self::MAX_BYTES {
            return refused(format!("has more than {} bytes", Self::MAX_BYTES));
        }
        if std::str::from_utf8(value).is_err() {
            return refused("is not UTF-8; encode it, as by base64".to_owned());
        }
        let key = match &self.key {
            Some(key) => key.clone(),
            None => self.key_or_new()?,
        };
        let encrypted = key.encrypt(value);
        let encrypted = encrypted.map_err(|_| Error::Unencryptable(name.clone()))?;
        self.files.write(name, &encrypted)
    }

    /// Removes a secret; whether it was there. No key is needed.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Open`].
    pub fn delete(&self, name: &Name) -> Result<bool, Error> {
        self.files.remove(name)
    }

    /// The key of the folder, which is made where there are no secrets yet.
    fn key_or_new(&self) -> Result<Key, Error> {
        let file = self.key_file();
        if let Some(key) = file.read()? {
            return Ok(key);
        }
        if self.names()?.is_empty() {
            return file.make();
        }
        // A new one would not decrypt them. Another process may just have made the first.
        file.read()?.ok_or_else(|| self.no_key())
    }

    fn key_file(&self) -> KeyFile<'_> {
        KeyFile(self.files.home())
    }

    fn no_key(&self) -> Error {
        Error::NoKey {
            path: self.key_file().path(),
        }
    }

    /// Where the key is, for messages.
    fn key_name(&self) -> String {
        match self.key {
            Some(_) => "that given by KEYWELL_SECRETS_KEY".to_owned(),
            None => format!("that in {}", self.key_file().path().display()),
        }
    }
}
