use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use keywell_store::{Error, Invalid, Result, ResumeToken};

/// Distinguishes the tokens of a bucket from those of all others, in this store or another, before or
/// after a restart: nothing in memory survives one.
#[derive(Clone, Copy)]
pub(crate) struct Issuer(u64);

// === impl Issuer ===

impl Issuer {
    /// A new issuer with a random number.
    pub(crate) fn new() -> Self {
        // The standard library seeds the hasher randomly.
        Self(RandomState::new().build_hasher().finish())
    }

    /// A token of the position after a write.
    pub(crate) fn issue(self, sequence: u64) -> ResumeToken {
        ResumeToken::from(format!("memory-{:016x}-{sequence}", self.0))
    }

    /// The write a token was issued for.
    ///
    /// # Errors
    ///
    /// [`Invalid::Token`] if another issuer issued it.
    pub(crate) fn sequence(self, token: &ResumeToken) -> Result<u64> {
        let sequence = token
            .as_str()
            .rsplit_once('-')
            .and_then(|(_, sequence)| sequence.parse().ok());
        sequence
            .filter(|sequence| self.issue(*sequence) == *token)
            .ok_or(Error::Invalid(Invalid::Token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_only_by_its_issuer() {
        let (here, elsewhere) = (Issuer::new(), Issuer::new());
        let token = here.issue(42);
        assert_eq!(here.sequence(&token).unwrap(), 42);
        assert!(elsewhere.sequence(&token).is_err());
    }

    #[test]
    fn text_that_never_was_a_token_is_refused() {
        let issuer = Issuer::new();
        let token = issuer.issue(7);
        let padded = token.as_str().replace("-7", "-07");
        let signed = token.as_str().replace("-7", "-+7");
        for text in ["", "-", "7", "memory-0-7", &padded, &signed] {
            let forged = ResumeToken::from(text.to_owned());
            assert!(issuer.sequence(&forged).is_err(), "{text:?}");
        }
    }
}
