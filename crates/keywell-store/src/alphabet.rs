use crate::{Invalid, Result};

/// The characters that the keys of a store can have, as data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Alphabet {
    /// The characters that no key can have, as ranges: the first and the last of each.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "crate::wire::ranges"))]
    pub excluded: &'static [(char, char)],
}

// === impl Alphabet ===

impl Alphabet {
    /// Every character.
    pub const ALL: Self = Self { excluded: &[] };

    /// Checks the characters of a key.
    ///
    /// # Errors
    ///
    /// [`Invalid::KeyCharacter`] with the first that is not of the alphabet.
    pub fn check(self, key: &str) -> Result<()> {
        let is_excluded = |character: &char| {
            let mut ranges = self.excluded.iter();
            ranges.any(|(first, last)| (first..=last).contains(&character))
        };
        if self.excluded.is_empty() {
            return Ok(());
        }
        match key.chars().find(is_excluded) {
            Some(character) => Err(Invalid::KeyCharacter(character).into()),
            None => Ok(()),
        }
    }

    /// Whether a key has characters of the alphabet alone.
    pub fn has(self, key: &str) -> bool {
        self.check(key).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn a_range_excludes_its_first_and_its_last() {
        let alphabet = Alphabet {
            excluded: &[('\0', ' '), ('/', '/'), ('\u{7f}', '\u{7f}')],
        };
        for key in ["", "a", "!", "~", "0", "ключ"] {
            assert!(alphabet.has(key) && Alphabet::ALL.has(key), "{key:?}");
        }
        for key in ["\0", "a b", "a/b", "\u{7f}"] {
            assert!(!alphabet.has(key) && Alphabet::ALL.has(key), "{key:?}");
        }
        let refused = alphabet.check("a/b").unwrap_err();
        let is_named = matches!(refused, Error::Invalid(Invalid::KeyCharacter('/')));
        assert!(is_named, "{refused}");
    }
}
