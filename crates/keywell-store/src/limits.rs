use bytes::Bytes;

use crate::{Alphabet, Invalid, Result};

/// How large keys, values and batches may be, and which characters keys may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest key, in bytes. Keys are never empty.
    pub key_bytes: usize,
    /// The largest value, in bytes.
    pub value_bytes: usize,
    /// The most keys in one batch.
    pub batch_keys: usize,
    /// The most bytes of keys and values in one batch, or in the answer to one.
    pub batch_bytes: usize,
    /// The characters that keys may have.
    pub alphabet: Alphabet,
}

// === impl Limits ===

impl Default for Limits {
    /// Keys of 1 KiB, values of 16 MiB, batches of 10,000 keys and 64 MiB.
    fn default() -> Self {
        Self {
            key_bytes: 1024,
            value_bytes: 16 << 20,
            batch_keys: 10_000,
            batch_bytes: 64 << 20,
            alphabet: Alphabet::ALL,
        }
    }
}

impl Limits {
    /// No limits.
    pub const NONE: Self = Self {
        key_bytes: usize::MAX,
        value_bytes: usize::MAX,
        batch_keys: usize::MAX,
        batch_bytes: usize::MAX,
        alphabet: Alphabet::ALL,
    };

    /// Checks a key.
    ///
    /// # Errors
    ///
    /// [`Invalid::EmptyKey`], [`Invalid::KeyTooLong`] or [`Invalid::KeyCharacter`].
    pub fn check_key(&self, key: &str) -> Result<()> {
        if key.is_empty() {
            return Err(Invalid::EmptyKey.into());
        }
        self.check_length(key)
    }

    /// Checks the length and the characters of a key in a store. Hosts refuse empty keys before that.
    ///
    /// # Errors
    ///
    /// [`Invalid::KeyTooLong`] or [`Invalid::KeyCharacter`].
    pub fn check_length(&self, key: &str) -> Result<()> {
        if key.len() > self.key_bytes {
            return Err(Invalid::KeyTooLong {
                bytes: key.len(),
                max: self.key_bytes,
            }
            .into());
        }
        self.alphabet.check(key)
    }

    /// Checks the length of a value, so that a host can refuse one before it copies it.
    ///
    /// # Errors
    ///
    /// [`Invalid::ValueTooLarge`].
    pub fn check_value(&self, bytes: usize) -> Result<()> {
        if bytes > self.value_bytes {
            return Err(Invalid::ValueTooLarge {
                bytes,
                max: self.value_bytes,
            }
            .into());
        }
        Ok(())
    }

    /// Checks a key and a value that a store is about to write.
    ///
    /// # Errors
    ///
    /// As [`Limits::check_length`] and [`Limits::check_value`].
    pub fn check_entry(&self, key: &str, value: &[u8]) -> Result<()> {
        self.check_length(key)?;
        self.check_value(value.len())
    }

    /// Checks a batch that a store is about to write.
    ///
    /// # Errors
    ///
    /// As [`Limits::check_batch`] and [`Limits::check_entry`].
    pub fn check_entries(&self, entries: &[(&str, Bytes)]) -> Result<()> {
        let bytes = entries.iter().map(|(key, value)| key.len() + value.len());
        self.check_batch(entries.len(), bytes.sum())?;
        entries
            .iter()
            .try_for_each(|(key, value)| self.check_entry(key, value))
    }

    /// Checks the size of a batch of keys that a store is about to read or delete.
    ///
    /// # Errors
    ///
    /// As [`Limits::check_batch`].
    pub fn check_batch_of(&self, keys: &[&str]) -> Result<()> {
        self.check_batch(keys.len(), keys.iter().map(|key| key.len()).sum())
    }

    /// Checks the size of a batch, so that a host can refuse one before it copies it.
    ///
    /// # Errors
    ///
    /// [`Invalid::BatchTooLong`] or [`Invalid::BatchTooLarge`].
    pub fn check_batch(&self, keys: usize, bytes: usize) -> Result<()> {
        if keys > self.batch_keys {
            return Err(Invalid::BatchTooLong {
                keys,
                max: self.batch_keys,
            }
            .into());
        }
        if bytes > self.batch_bytes {
            return Err(Invalid::BatchTooLarge {
                bytes,
                max: self.batch_bytes,
            }
            .into());
        }
        Ok(())
    }

    pub(crate) fn check_keys(&self, keys: &[&str]) -> Result<()> {
        self.check_batch_of(keys)?;
        keys.iter().try_for_each(|key| self.check_key(key))
    }
}
