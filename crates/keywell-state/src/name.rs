use std::fmt;
use std::str::FromStr;

/// The name of a configuration set or of a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// The text is no [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name has 1 to {} letters of ASCII, digits, `-`, `_` and `.`, and does not begin with `-` or \
     `.`",
    Name::MAX_BYTES
)]
pub struct NameError;

// === impl Name ===

impl Name {
    /// The most bytes of a name.
    pub const MAX_BYTES: usize = 100;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = text.chars().all(is_plain)
            && !text.starts_with(['-', '.'])
            && (1..=Self::MAX_BYTES).contains(&text.len());
        is_name.then(|| Self(text.to_owned())).ok_or(NameError)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_folder_or_look_like_an_option() {
        let longest = "x".repeat(Name::MAX_BYTES);
        for name in ["a", "A-b_c.9", "0", "_", "draft-x", "a..b", &longest] {
            assert_eq!(name.parse::<Name>().unwrap().as_str(), name);
        }
        let too_long = "x".repeat(Name::MAX_BYTES + 1);
        for text in [
            "",
            ".",
            "..",
            "../x",
            "/x",
            "a/b",
            ".x",
            "-x",
            "a b",
            "a\0",
            "a\n",
            "schlüssel",
            "鍵",
            "a\u{202e}",
            &too_long,
        ] {
            assert_eq!(text.parse::<Name>(), Err(NameError), "{text:?}");
        }
    }
}
