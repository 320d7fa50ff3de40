use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};

/// The SHA-256 of some bytes. It is written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    digits: String,
}

/// Computes the digest of bytes that come in pieces.
#[derive(Default)]
pub(crate) struct Digester(Sha256);

const ALGORITHM: &str = "sha256:";

// === impl Digest ===

impl Digest {
    /// Computes the digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut digester = Digester::default();
        digester.add(bytes);
        digester.digest()
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

// === impl Digester ===

impl Digester {
    pub(crate) fn add(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub(crate) fn digest(self) -> Digest {
        let mut digits = String::with_capacity(64);
        for byte in self.0.finalize() {
            let _ = write!(digits, "{byte:02x}");
        }
        Digest { digits }
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
