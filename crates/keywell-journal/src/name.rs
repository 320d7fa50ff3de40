use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::Error;

/// The name of a worker: 1 to 100 ASCII letters, digits, `-`, `_` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerName(Arc<str>);

// === impl WorkerName ===

impl WorkerName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 100;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WorkerName {
    type Err = Error;

    /// # Errors
    ///
    /// [`Error::Name`].
    fn from_str(name: &str) -> Result<Self, Error> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > Self::MAX_BYTES || !name.bytes().all(is_allowed) {
            return Err(Error::Name(name.chars().take(Self::MAX_BYTES).collect()));
        }
        Ok(Self(name.into()))
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_safe_part_of_a_key() {
        for good in ["a", "cart-7", "A_b.c", &"x".repeat(100)] {
            assert_eq!(good.parse::<WorkerName>().unwrap().as_str(), good);
        }
        for bad in ["", "a/b", "a b", "é", "a\n", &"x".repeat(101)] {
            assert!(bad.parse::<WorkerName>().is_err(), "{bad:?}");
        }
    }
}
