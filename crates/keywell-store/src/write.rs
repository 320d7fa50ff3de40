use std::time::Duration;

use bytes::Bytes;

use crate::{Entry, Error, Invalid, Result, Version};

/// How a value is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Set {
    /// After how long the key is gone, counted from the write; `None` keeps it.
    ///
    /// A set without it also ends an earlier time to live, alone, in a batch and in a swap; so does
    /// a deletion. Increments keep that of a key that is there, and what is refused or stale changes
    /// none.
    pub ttl: Option<Duration>,
}

/// What must hold of a key for a swap to write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Expected {
    /// The key is absent.
    Absent,
    /// The key is there, at this version.
    At(Version),
}

/// What a swap writes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Change {
    /// This value.
    Set(
        #[cfg_attr(feature = "serde", serde(with = "crate::wire::base64"))] Bytes,
        Set,
    ),
    /// Nothing: the key is removed.
    Delete,
}

/// How a swap ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Swap {
    /// Written. The version is that of the new value, `None` after a delete.
    Done(Option<Version>),
    /// The expectation no longer held, and nothing was written.
    Stale,
}

// === impl Set ===

impl Set {
    /// The longest time to live: 100 years.
    pub const MAX_TTL: Duration = Duration::from_hours(100 * 366 * 24);

    /// Keeps the value for this long.
    ///
    /// # Errors
    ///
    /// [`Invalid::Ttl`] for less than a millisecond or more than [`Set::MAX_TTL`].
    pub fn expiring(ttl: Duration) -> Result<Self> {
        if ttl < Duration::from_millis(1) || ttl > Self::MAX_TTL {
            return Err(Error::Invalid(Invalid::Ttl));
        }
        Ok(Self { ttl: Some(ttl) })
    }

    /// The time to live in whole milliseconds, for stores that count so.
    ///
    /// # Errors
    ///
    /// [`Invalid::Ttl`], as [`Set::expiring`].
    pub fn ttl_millis(&self) -> Result<Option<u64>> {
        let Some(ttl) = self.ttl else { return Ok(None) };
        Self::expiring(ttl)?;
        Ok(u64::try_from(ttl.as_millis()).ok())
    }
}

// === impl Expected ===

impl Expected {
    /// Whether it holds of what is there now.
    pub fn stands(&self, current: Option<&Entry>) -> bool {
        match (self, current) {
            (Self::Absent, None) => true,
            (Self::At(version), Some(entry)) => *version == entry.version,
            (Self::Absent, Some(_)) | (Self::At(_), None) => false,
        }
    }
}

impl From<Option<&Entry>> for Expected {
    /// The expectation that nothing changes after this reading.
    fn from(current: Option<&Entry>) -> Self {
        current.map_or(Self::Absent, |entry| Self::At(entry.version.clone()))
    }
}
