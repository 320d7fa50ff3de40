//! In the place of `key.rs` in a build without the feature `age`: there are no keys.

use std::convert::Infallible;

use zeroize::Zeroizing;

/// The key of secrets, of which this build has none.
#[derive(Clone, Copy, Debug)]
pub enum Key {}

/// This build has no encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this build has no secrets; build it with the feature `secrets`")]
pub struct KeyError;

// === impl Key ===

impl Key {
    /// Refuses every text.
    ///
    /// # Errors
    ///
    /// [`KeyError`], always.
    pub fn parse(_: &str) -> Result<Self, KeyError> {
        Err(KeyError)
    }

    pub(crate) fn generate() -> Result<Self, KeyError> {
        Err(KeyError)
    }

    pub(crate) fn lines(&self) -> Zeroizing<String> {
        match *self {}
    }

    pub(crate) fn encrypt(&self, _: &[u8]) -> Result<Vec<u8>, Infallible> {
        match *self {}
    }

    pub(crate) fn decrypt(&self, _: &[u8], _: usize) -> Result<Zeroizing<Vec<u8>>, Infallible> {
        match *self {}
    }
}
