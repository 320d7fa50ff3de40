use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::{Invalid, Result};

/// A value, the version that wrote it and when it expires, read at one instant.
///
/// Two readings of an entry that expires differ in what is left of its time to live.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry {
    /// The value; may be empty.
    #[cfg_attr(feature = "serde", serde(with = "crate::wire::base64"))]
    pub value: Bytes,
    /// What [`Bucket::swap`](crate::Bucket::swap) compares.
    pub version: Version,
    /// When it expires. [`Bucket::get_with_expiry`](crate::Bucket::get_with_expiry) always reads
    /// it, other readings may leave it [`Unread`](Expires::Unread).
    pub expires: Expires,
}

/// When an entry expires, as what is left of its time to live.
///
/// It is a duration and not a point in time because each store counts by a clock of its own: the
/// process's (memory), one that setting the time of day does not move (disk), or the server's. A
/// point on such a clock means nothing on the clock of the reader. What is left needs no agreement
/// of clocks: it is exact where it was read, it is too long by at most the time that the answer
/// takes to arrive, and [`Set::ttl`](crate::Set::ttl) takes it, so that an entry can be copied to
/// another store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Expires {
    /// The reading did not ask, and asking has a cost in this store.
    #[default]
    Unread,
    /// The entry has no time to live.
    Never,
    /// After so long, counted from the reading.
    In(Duration),
}

/// An opaque token that changes at every write of a key, also of one that was deleted meanwhile.
///
/// Equal versions mean the same write of the same key; there is no order between them. A store
/// that compares by value (see [`Cas::ByValue`](crate::Cas)) uses the value itself.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Version(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Repr {
    Number(u64),
    Token(#[cfg_attr(feature = "serde", serde(with = "crate::wire::base64"))] Bytes),
}

/// Counts the bytes of the values in one answer against what its caller can hold.
///
/// A store adds the length of each value before it reads the value.
#[derive(Clone, Debug)]
pub struct ValueBytes {
    bytes: usize,
    max: usize,
}

// === impl Entry ===

impl Entry {
    /// The entry, for a caller that can hold a value of at most `max` bytes.
    ///
    /// # Errors
    ///
    /// [`Invalid::ValueTooLarge`].
    pub fn within(self, max: usize) -> Result<Self> {
        let bytes = self.value.len();
        if bytes > max {
            return Err(Invalid::ValueTooLarge { bytes, max }.into());
        }
        Ok(self)
    }
}

// === impl ValueBytes ===

impl ValueBytes {
    /// Counts from zero; the caller can hold `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { bytes: 0, max }
    }

    /// Counts a value of this length.
    ///
    /// # Errors
    ///
    /// [`Invalid::BatchTooLarge`] when the caller cannot hold it beside those before it.
    pub fn add(&mut self, bytes: usize) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        let (bytes, max) = (self.bytes, self.max);
        if bytes > max {
            return Err(Invalid::BatchTooLarge { bytes, max }.into());
        }
        Ok(())
    }

    /// Counts the value of an entry, if there is one.
    ///
    /// # Errors
    ///
    /// As [`ValueBytes::add`].
    pub fn add_entry(&mut self, entry: Option<&Entry>) -> Result<()> {
        self.add(entry.map_or(0, |entry| entry.value.len()))
    }
}

// === impl Version ===

impl Version {
    /// The number this version was made from, if it was made from one.
    pub fn as_u64(&self) -> Option<u64> {
        match &self.0 {
            Repr::Number(number) => Some(*number),
            Repr::Token(_) => None,
        }
    }

    /// The bytes this version was made from, if it was made from bytes.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Number(_) => None,
            Repr::Token(token) => Some(token),
        }
    }
}

impl From<u64> for Version {
    fn from(number: u64) -> Self {
        Self(Repr::Number(number))
    }
}

impl From<Bytes> for Version {
    fn from(token: Bytes) -> Self {
        Self(Repr::Token(token))
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Number(number) => write!(f, "Version({number})"),
            Repr::Token(token) => write!(f, "Version({token:?})"),
        }
    }
}
