use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};

/// The SHA-256 of some bytes. It is written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    digits: String,
}

const ALGORITHM: &str = "sha256:";

// === impl Digest ===

impl Digest {
    /// Computes the digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut digits = String::with_capacity(64);
        for byte in Sha256::digest(bytes) {
            let _ = write!(digits, "{byte:02x}");
        }
        Self { digits }
    }

    /// Reads a digest; none, if it is of another algorithm or not in this form.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(ALGORITHM)?;
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (digits.len() == 64 && digits.bytes().all(is_digit)).then(|| Self {
            digits: digits.to_owned(),
        })
    }

    /// The digits alone.
    pub(crate) fn digits(&self) -> &str {
        &self.digits
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}{}", self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_written_and_nothing_else_is_one() {
        let digest = Digest::of(b"hello world");
        let text = digest.to_string();
        assert_eq!(
            text,
            "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
        );
        assert_eq!(Digest::parse(&text), Some(digest));
        let upper = text.to_uppercase();
        let long = format!("{text}0");
        let other = text.replace("sha256", "sha512");
        for wrong in ["", "sha256:", "sha256:../x", &upper, &long, &other] {
            assert_eq!(Digest::parse(wrong), None, "{wrong}");
        }
    }
}
