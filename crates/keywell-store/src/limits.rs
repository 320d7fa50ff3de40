use crate::{Invalid, Result};

/// How large keys, values and batches may be.
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
        }
    }
}

impl Limits {
    /// Checks a key.
    ///
    /// # Errors
    ///
    /// [`Invalid::EmptyKey`] or [`Invalid::KeyTooLong`].
    pub fn check_key(&self, key: &str) -> Result<()> {
        if key.is_empty() {
            return Err(Invalid::EmptyKey.into());
        }
        if key.len() > self.key_bytes {
            return Err(Invalid::KeyTooLong {
                bytes: key.len(),
                max: self.key_bytes,
            }
            .into());
        }
        Ok(())
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
        self.check_batch(keys.len(), keys.iter().map(|key| key.len()).sum())?;
        keys.iter().try_for_each(|key| self.check_key(key))
    }
}
