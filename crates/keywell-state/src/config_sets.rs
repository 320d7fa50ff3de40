use crate::config_set::{ConfigSet, ConfigSetError};
use crate::error::Error;
use crate::files::Files;
use crate::name::Name;

/// The configuration sets of a state folder: a file each, which may be edited.
#[derive(Clone, Debug)]
pub struct ConfigSets(Files);

// === impl ConfigSets ===

impl ConfigSets {
    /// The largest file of a set, in bytes.
    pub const MAX_BYTES: usize = 1 << 20;

    pub(crate) fn new(files: Files) -> Self {
        Self(files)
    }

    /// The names of the sets, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Open`].
    pub fn names(&self) -> Result<Vec<Name>, Error> {
        self.0.names()
    }

    /// The set of a name; none where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Open`], [`Error::ConfigSet`].
    pub fn get(&self, name: &Name) -> Result<Option<ConfigSet>, Error> {
        let Some(bytes) = self.0.read(name, Self::MAX_BYTES)? else {
            return Ok(None);
        };
        let wrong = |problem: String| ConfigSetError { line: 1, problem };
        let set = if bytes.len() > Self::MAX_BYTES {
            Err(wrong(format!(
                "it is larger than {} bytes",
                Self::MAX_BYTES
            )))
        } else {
            let text = std::str::from_utf8(&bytes);
            text.map_err(|_| wrong("it is not UTF-8".to_owned()))
                .and_then(str::parse)
        };
        let in_file = |source| Error::ConfigSet {
            path: self.0.path(name),
            source,
        };
        set.map(Some).map_err(in_file)
    }

    /// Puts a set in the place of what has the name.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Open`], [`Error::Refused`] where it is larger than
    /// [`ConfigSets::MAX_BYTES`] as text.
    pub fn put(&self, name: &Name, set: &ConfigSet) -> Result<(), Error> {
        let text = set.to_string();
        if text.len() > Self::MAX_BYTES {
            let most = Self::MAX_BYTES;
            let problem = format!("the configuration set {name} has more than {most} bytes");
            return Err(Error::Refused(problem));
        }
        self.0.write(name, text.as_bytes())
    }

    /// Removes a set; whether it was there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Open`].
    pub fn delete(&self, name: &Name) -> Result<bool, Error> {
        self.0.remove(name)
    }
}
