use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Error, Invalid};

/// The name of a bucket: 1 to 255 bytes of UTF-8 without control characters.
///
/// The empty name and `default` are the same bucket, the component's default.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "String", try_from = "String"))]
pub struct BucketName(Arc<str>);

// === impl BucketName ===

impl BucketName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 255;

    const DEFAULT: &str = "default";

    /// Reads a name as a guest or a user gives it.
    ///
    /// # Errors
    ///
    /// [`Invalid::BucketName`] for a name that is too long or has control characters.
    pub fn parse(name: &str) -> Result<Self, Error> {
        if name.len() > Self::MAX_BYTES || name.chars().any(char::is_control) {
            return Err(Error::Invalid(Invalid::BucketName));
        }
        let name = if name.is_empty() { Self::DEFAULT } else { name };
        Ok(Self(name.into()))
    }

    /// The name as text; never empty.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the component's default bucket.
    pub fn is_default(&self) -> bool {
        &*self.0 == Self::DEFAULT
    }
}

impl Default for BucketName {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl FromStr for BucketName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::parse(name)
    }
}

impl TryFrom<String> for BucketName {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        Self::parse(&name)
    }
}

impl From<BucketName> for String {
    fn from(name: BucketName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_name_and_default_are_one_bucket() {
        assert_eq!(
            BucketName::parse("").unwrap(),
            BucketName::parse("default").unwrap()
        );
        assert!(BucketName::parse("").unwrap().is_default());
    }

    #[test]
    fn a_name_of_control_characters_or_of_256_bytes_is_refused() {
        for name in ["a\nb", "\0", &"x".repeat(256)] {
            assert!(BucketName::parse(name).is_err(), "{name:?}");
        }
        assert!(BucketName::parse(&"x".repeat(255)).is_ok());
    }
}
