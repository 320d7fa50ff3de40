use std::fmt;

use bytes::Bytes;

/// A value and the version that wrote it, read at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value; may be empty.
    pub value: Bytes,
    /// What [`Bucket::swap`](crate::Bucket::swap) compares.
    pub version: Version,
}

/// An opaque token that changes at every write of a key.
///
/// Equal versions mean the same write of the same key; there is no order between them. A store
/// that compares by value (see [`Cas::ByValue`](crate::Cas)) uses the value itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Version(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Number(u64),
    Token(Bytes),
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
