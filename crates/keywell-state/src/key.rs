use std::fmt;
use std::io::Read as _;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use age::{DecryptError, Decryptor, EncryptError};
use zeroize::Zeroizing;

/// The key of secrets: an `age` identity. Neither `Debug` nor an error has it.
#[derive(Clone)]
pub struct Key(Identity);

/// The text is no [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no key: a line AGE-SECRET-KEY-1…, as age-keygen prints it")]
pub struct KeyError;

// === impl Key ===

impl Key {
    /// Reads the text of a key: one line, besides empty ones and those that begin with `#`.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let lines = text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        match (lines.next(), lines.next()) {
            (Some(line), None) => line.parse().map(Self).map_err(|_| KeyError),
            _ => Err(KeyError),
        }
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "a build without encryption makes none"
    )]
    pub(crate) fn generate() -> Result<Self, KeyError> {
        Ok(Self(Identity::generate()))
    }

    /// The lines of its file.
    pub(crate) fn lines(&self) -> Zeroizing<String> {
        let (public, text) = (self.0.to_public(), self.0.to_string());
        Zeroizing::new(format!(
            "# public key: {public}\n{}\n",
            text.expose_secret()
        ))
    }

    pub(crate) fn encrypt(&self, secret: &[u8]) -> Result<Vec<u8>, EncryptError> {
        age::encrypt(&self.0.to_public(), secret)
    }

    /// Decrypts a file, and at most so many bytes of it.
    pub(crate) fn decrypt(
        &self,
        file: &[u8],
        most: usize,
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let identity: &dyn age::Identity = &self.0;
        let decryptor = Decryptor::new_buffered(file)?;
        let reader = decryptor.decrypt(std::iter::once(identity))?;
        // With room for all, so that no copy is left behind when it grows.
        let mut bytes = Zeroizing::new(Vec::with_capacity(most));
        reader.take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_line_among_comments_and_is_not_shown() {
        let text = Identity::generate().to_string();
        let text = text.expose_secret();
        for given in [text.to_owned(), format!("# created: now\n\n {text}\r\n")] {
            let key = Key::parse(&given).unwrap();
            assert_eq!(key.0.to_string().expose_secret(), text);
            assert_eq!(format!("{key:?}"), "Key(..)");
        }
        let twice = format!("{text}\n{text}\n");
        for wrong in ["", "# none\n", "hunter2", &twice, &text[1..]] {
            let error = Key::parse(wrong).unwrap_err();
            assert!(!error.to_string().contains(text) && !error.to_string().contains("hunter2"));
        }
    }
}
