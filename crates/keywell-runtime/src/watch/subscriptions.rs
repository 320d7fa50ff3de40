//! Which events a trigger delivers.
//!
//! Two texts that mean the same have one canonical form, in every process, and so one made name.

use std::fmt;
use std::str::FromStr;

use keywell_store::Filter;

use crate::watch::event::WatchedOperation;
use crate::watch::pattern::{Pattern, Piece};

/// The changes that a trigger delivers: `SET@order:*,DEL@order:*`.
///
/// Entries are separated by commas. Each is an operation, `SET` or `DEL`, then `@`, then a key,
/// which is everything up to the next comma and may hold further `@` and blanks; blanks before an
/// operation do not count. In a key, `*` stands for any run of characters, also of none, and `?`
/// for any one. With `=` before it the key is literal: `SET@=a*b` selects the key `a*b` alone.
/// A backslash makes a `,`, `\`, `*`, `?` or `=` after it literal: `SET@a\,b` selects the key
/// `a,b`.
///
/// `DEL` is for keys that are gone, whether deleted or expired. A change is delivered once,
/// however many entries match it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriptions {
    text: String,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    operation: WatchedOperation,
    pattern: Pattern,
}

/// What is wrong with the text of subscriptions, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {position} of {text:?}: expected {expected}, found {found}")]
pub struct ParseError {
    /// The character, counted from 1; one past the last where the text ends too early.
    pub position: usize,
    /// What should be there.
    pub expected: &'static str,
    /// What is there, to be read by people.
    pub found: String,
    /// The whole text.
    pub text: String,
}

// === impl Subscriptions ===

impl Subscriptions {
    /// Reads subscriptions as a user writes them.
    ///
    /// # Errors
    ///
    /// [`ParseError`] at the first entry that is malformed; none is passed over.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut parser = Parser {
            text,
            chars: text.chars().collect(),
            position: 0,
        };
        let mut entries = vec![parser.entry()?];
        while parser.take(',') {
            entries.push(parser.entry()?);
        }
        let text = text.to_owned();
        Ok(Self { text, entries })
    }

    /// Whether a change of this key is subscribed to.
    pub fn matches(&self, operation: WatchedOperation, key: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.operation == operation && entry.pattern.matches(key))
    }

    /// The same text for all that were written as other texts of the same entries.
    pub(crate) fn canonical(&self) -> String {
        let entries = self.entries.iter();
        let mut entries: Vec<String> = entries
            .map(|Entry { operation, pattern }| format!("{operation}@{}", pattern.canonical()))
            .collect();
        entries.sort_unstable();
        entries.dedup();
        entries.join(",")
    }

    /// What to ask a store for: at least every key that an entry selects.
    pub fn filter(&self) -> Filter {
        let mut filters: Vec<Filter> = Vec::new();
        for Entry { pattern, .. } in &self.entries {
            let filter = match pattern {
                Pattern::Exact(key) => Filter::Key(key.clone()),
                Pattern::Glob(_) => match pattern.prefix() {
                    prefix if prefix.is_empty() => return Filter::All,
                    prefix => Filter::Prefix(prefix),
                },
            };
            if !filters.contains(&filter) {
                filters.push(filter);
            }
        }
        match filters.len() {
            1 => filters.remove(0),
            _ => Filter::AnyOf(filters),
        }
    }

    /// The keys that are named in full, each once and in order.
    pub fn named_keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self
            .entries
            .iter()
            .filter_map(|entry| match &entry.pattern {
                Pattern::Exact(key) => Some(key.as_str()),
                Pattern::Glob(_) => None,
            })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

impl FromStr for Subscriptions {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl fmt::Display for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A reader of subscriptions, which stands before the character at `position`.
struct Parser<'a> {
    text: &'a str,
    chars: Vec<char>,
    position: usize,
}

// === impl Parser ===

impl Parser<'_> {
    fn entry(&mut self) -> Result<Entry, ParseError> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.position += 1;
        }
        let operation = self.operation()?;
        if !self.take('@') {
            return Err(self.expected("`@` and a key after the operation"));
        }
        let pattern = self.pattern()?;
        Ok(Entry { operation, pattern })
    }

    fn operation(&mut self) -> Result<WatchedOperation, ParseError> {
        for operation in [WatchedOperation::Set, WatchedOperation::Delete] {
            let name: Vec<char> = operation.to_string().chars().collect();
            if self.chars[self.position..].starts_with(&name) {
                self.position += name.len();
                return Ok(operation);
            }
        }
        Err(self.expected("an operation, `SET` or `DEL`"))
    }

    fn pattern(&mut self) -> Result<Pattern, ParseError> {
        let is_literal = self.take('=');
        let mut pieces = Vec::new();
        while let Some(char) = self.peek().filter(|char| *char != ',') {
            let piece = match char {
                '\\' => {
                    self.position += 1;
                    match self.peek() {
                        Some(char @ (',' | '\\' | '*' | '?' | '=')) => Piece::Char(char),
                        _ => {
                            return Err(self.expected(
                                r"one of `,` `\` `*` `?` `=` after the backslash; write a backslash as `\\`",
                            ));
                        }
                    }
                }
                '*' if !is_literal => Piece::Run,
                '?' if !is_literal => Piece::One,
                char => Piece::Char(char),
            };
            pieces.push(piece);
            self.position += 1;
        }
        if pieces.is_empty() {
            return Err(self.expected("a key, which is never empty"));
        }
        Ok(Pattern::new(pieces))
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.position).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.position += usize::from(found);
        found
    }

    fn expected(&self, expected: &'static str) -> ParseError {
        let found = match self.peek() {
            Some(char) => format!("{char:?}"),
            None => "the end".to_owned(),
        };
        ParseError {
            position: self.position + 1,
            expected,
            found,
            text: self.text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Subscriptions {
        Subscriptions::parse(text).unwrap()
    }

    #[test]
    fn an_entry_is_about_its_operation_and_its_keys() {
        let both = parse("SET@a, DEL@b*");
        for (operation, key, about) in [
            (WatchedOperation::Set, "a", true),
            (WatchedOperation::Delete, "a", false),
            (WatchedOperation::Set, "b1", false),
            (WatchedOperation::Delete, "b1", true),
        ] {
            assert_eq!(both.matches(operation, key), about, "{operation} {key}");
        }
        assert_eq!(both.named_keys(), ["a"]);
    }

    #[test]
    fn keys_of_strange_characters_can_be_written() {
        for (text, key) in [
            ("SET@a@b", "a@b"),
            (r"SET@a\,b", "a,b"),
            (r"SET@a\\b", r"a\b"),
            (r"SET@\*\?", "*?"),
            (r"SET@\=x", "=x"),
            ("SET@=a*b", "a*b"),
            ("SET@==", "="),
            (r"SET@=a\,*", "a,*"),
            ("SET@ a ", " a "),
            ("SET@ключ", "ключ"),
            ("SET@DEL@x", "DEL@x"),
        ] {
            assert_eq!(parse(text).named_keys(), [key], "{text}");
        }
    }

    #[test]
    fn the_canonical_text_is_of_the_same_entries() {
        for (text, canonical) in [
            ("SET@b, DEL@a,SET@b", "DEL@a,SET@b"),
            (r"SET@=a*b", r"SET@a\*b"),
            (r"SET@a\,b\\\=?*", r"SET@a\,b\\\=?*"),
        ] {
            assert_eq!(parse(text).canonical(), canonical, "{text}");
            assert_eq!(parse(canonical).canonical(), canonical);
        }
    }

    #[test]
    fn a_malformed_entry_is_reported_with_its_position() {
        for (text, position) in [
            ("", 1),
            (" ", 2),
            ("GET@a", 1),
            ("set@a", 1),
            ("SET", 4),
            ("SETa", 4),
            ("SET:a", 4),
            ("SET@", 5),
            ("SET@=", 6),
            ("SET@,DEL@a", 5),
            ("SET@a,", 7),
            ("SET@a,,DEL@a", 7),
            ("SET@ключ,PUT@a", 10),
            (r"SET@a\b", 7),
            (r"SET@a\", 7),
        ] {
            let error = Subscriptions::parse(text).unwrap_err();
            assert_eq!(error.position, position, "{error}");
        }
    }

    #[test]
    fn a_store_is_asked_for_no_more_than_the_entries_allow() {
        for (text, filter) in [
            ("SET@a", Filter::Key("a".into())),
            ("SET@a,DEL@a", Filter::Key("a".into())),
            ("SET@a*", Filter::Prefix("a".into())),
            ("SET@a,DEL@*", Filter::All),
            (
                "SET@a,DEL@b?",
                Filter::AnyOf(vec![Filter::Key("a".into()), Filter::Prefix("b".into())]),
            ),
        ] {
            assert_eq!(parse(text).filter(), filter, "{text}");
        }
    }
}
