use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use toml::de::{DeTable, DeValue};
use toml_writer::{ToTomlKey as _, ToTomlValue as _};

/// Named configuration: values by their keys, in the order of the keys.
///
/// As text it is a table of TOML: a line `KEY = "VALUE"` for each. `Debug` has the keys alone, since a
/// value may be a URL with a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConfigSet(BTreeMap<String, String>);

/// What is wrong with the text of a [`ConfigSet`]. No value is shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(":{line}: {problem}")]
pub struct ConfigSetError {
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

// === impl ConfigSet ===

impl ConfigSet {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The keys and values, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.0.iter();
        entries.map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for ConfigSet {
    /// Of two values with one key the later is kept.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        Self(
            entries
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

impl FromStr for ConfigSet {
    type Err = ConfigSetError;

    fn from_str(text: &str) -> Result<Self, ConfigSetError> {
        // The byte order mark that some editors begin a file with.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let wrong = |at: usize, problem: String| ConfigSetError {
            line: 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count(),
            problem,
        };
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().unwrap_or_default().start;
            wrong(at, error.message().replace('\n', ", "))
        })?;
        let entries = table.into_inner().into_iter().map(|(key, value)| {
            let at = key.span().start;
            let key = key.into_inner().into_owned();
            match value.into_inner() {
                DeValue::String(value) => Ok((key, value.into_owned())),
                _ => Err(wrong(at, format!("{key} should be a text in quotes"))),
            }
        });
        entries.collect()
    }
}

impl fmt::Display for ConfigSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.0 {
            writeln!(f, "{} = {}", key.to_toml_key(), value.to_toml_value())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ConfigSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConfigSet")
            .field(&self.0.keys().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_as_it_was_written() {
        let set: ConfigSet = [
            ("url", "redis://127.0.0.1:6379"),
            ("watch", "SET@a b,DEL@\"c\"\\"),
            ("", "'''\"\"\""),
            ("a.b c", " \t\r\n\nlines\n"),
            ("ключ", "\u{1b}[2J\0\u{7f}é\u{202e}"),
            ("empty", ""),
            ("\n", "\r"),
        ]
        .into_iter()
        .collect();
        let text = set.to_string();
        assert_eq!(text.parse::<ConfigSet>(), Ok(set), "{text}");
        assert!(
            text.contains("url = \"redis://127.0.0.1:6379\"\n"),
            "{text}"
        );
    }

    #[test]
    fn what_an_editor_writes_is_read_too() {
        let text = "\u{feff}# a comment\r\nb = '1'\r\n\r\n\"a.b\" = \"\"\"\nx\"\"\"\r\n";
        let set: ConfigSet = text.parse().unwrap();
        assert_eq!((set.get("b"), set.get("a.b")), (Some("1"), Some("x")));
        assert_eq!(set.iter().count(), 2);
        assert_eq!(set.get("c"), None);
        assert_eq!("".parse(), Ok(ConfigSet::default()));
    }

    #[test]
    fn what_is_wrong_is_shown_by_its_line_and_without_values() {
        for (text, message) in [
            ("a = 'x'\nb = 17", ":2: b should be a text in quotes"),
            ("b = ['hunter2']", ":1: b should be a text in quotes"),
            ("[b]\nc = 'hunter2'", ":1: b should be a text in quotes"),
            ("a = 'hunter2'\na = 'hunter2'", ":2: duplicate key"),
        ] {
            let error = text.parse::<ConfigSet>().unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        for text in [
            "hunter2",
            "a = hunter2",
            "\n\na = 'hunter2",
            "a = \"\\hunter2\"",
        ] {
            let error = text.parse::<ConfigSet>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let set: ConfigSet = [("url", "hunter2")].into_iter().collect();
        assert_eq!(format!("{set:?}"), "ConfigSet([\"url\"])");
    }
}
