//! A pattern of keys, as subscriptions have it. A pattern matches the same keys as its filter lets
//! through, or fewer.

/// The keys of an entry of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// This key.
    Exact(String),
    /// Keys of this form.
    Glob(Vec<Piece>),
}

/// A part of a glob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// This character.
    Char(char),
    /// Any one character.
    One,
    /// Any run of characters, also of none.
    Run,
}

// === impl Pattern ===

impl Pattern {
    /// A pattern of these pieces; one without wildcards is a key.
    pub(crate) fn new(pieces: Vec<Piece>) -> Self {
        let exact: Option<String> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Char(char) => Some(*char),
                Piece::One | Piece::Run => None,
            })
            .collect();
        exact.map_or(Self::Glob(pieces), Self::Exact)
    }

    /// What every key that matches begins with.
    pub(crate) fn prefix(&self) -> String {
        match self {
            Self::Exact(key) => key.clone(),
            Self::Glob(pieces) => pieces
                .iter()
                .map_while(|piece| match piece {
                    Piece::Char(char) => Some(*char),
                    Piece::One | Piece::Run => None,
                })
                .collect(),
        }
    }

    /// As it is written in subscriptions, with a backslash wherever one may stand.
    pub(crate) fn canonical(&self) -> String {
        let written = |char: char| {
            let escape = matches!(char, ',' | '\\' | '*' | '?' | '=').then_some('\\');
            escape.into_iter().chain([char])
        };
        match self {
            Self::Exact(key) => key.chars().flat_map(written).collect(),
            Self::Glob(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Char(char) => text.extend(written(*char)),
                        Piece::One => text.push('?'),
                        Piece::Run => text.push('*'),
                    }
                }
                text
            }
        }
    }

    pub(crate) fn matches(&self, key: &str) -> bool {
        match self {
            Self::Exact(exact) => key == exact,
            Self::Glob(pieces) => glob(pieces, key),
        }
    }
}

/// Tries the shortest run at each `*`, and comes back only to the latest of them: a longer run at an
/// earlier one gains nothing. So it takes at most the product of both lengths.
fn glob(pieces: &[Piece], key: &str) -> bool {
    let (mut piece, mut rest) = (0, key);
    let mut latest_run = None;
    loop {
        let mut chars = rest.chars();
        let next = chars.next();
        let matched = match (pieces.get(piece), next) {
            (None, None) => return true,
            (Some(Piece::Run), _) => {
                latest_run = Some((piece, rest));
                piece += 1;
                continue;
            }
            (Some(Piece::One), Some(_)) => true,
            (Some(Piece::Char(wanted)), Some(found)) => *wanted == found,
            (None, Some(_)) | (Some(_), None) => false,
        };
        if matched {
            piece += 1;
            rest = chars.as_str();
            continue;
        }
        let Some((run, from)) = latest_run else {
            return false;
        };
        let mut longer = from.chars();
        if longer.next().is_none() {
            return false;
        }
        rest = longer.as_str();
        latest_run = Some((run, rest));
        piece = run + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        let pieces = text.chars().map(|char| match char {
            '*' => Piece::Run,
            '?' => Piece::One,
            char => Piece::Char(char),
        });
        Pattern::new(pieces.collect())
    }

    #[test]
    fn a_glob_matches_the_whole_key() {
        for (glob, key, matches) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*", "a", true),
            ("a*", "ba", false),
            ("*a", "banana", true),
            ("*an*na", "banana", true),
            ("*an*nab", "banana", false),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("?", "", false),
            ("**", "x", true),
            ("[a]", "a", false),
            ("[a]", "[a]", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-", false),
        ] {
            assert_eq!(pattern(glob).matches(key), matches, "{glob} and {key}");
        }
    }

    #[test]
    fn many_wildcards_are_no_slower_than_the_product_of_the_lengths() {
        let glob = pattern(&"*a".repeat(500));
        assert!(!glob.matches(&("a".repeat(10_000) + "b")));
    }

    #[test]
    fn a_prefix_ends_at_the_first_wildcard() {
        assert_eq!(pattern("order:*x").prefix(), "order:");
        assert_eq!(pattern("?x").prefix(), "");
        assert_eq!(pattern("key").prefix(), "key");
    }
}
