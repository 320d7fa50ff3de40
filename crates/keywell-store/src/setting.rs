//! The settings of a kind of store, as a table, and those of one URL, read by that table.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// One setting of a kind of store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name in URLs and configuration: `answer-timeout`.
    pub name: &'static str,
    /// Other names that are accepted.
    pub aliases: &'static [&'static str],
    /// Which values it takes.
    pub kind: SettingKind,
    /// What applies where it is not given, in the words of the documentation.
    pub default: &'static str,
    /// Whether its value is a secret, such as a password.
    pub is_secret: bool,
    /// Whether it decides which keys the store has, so that two URLs that differ in it lead to
    /// different data.
    pub selects_keys: bool,
    /// What it does, as one line.
    pub help: &'static str,
}

/// Which values a setting takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// Any text.
    Text,
    /// The path of a file. A relative one is taken from the folder of its configuration file.
    Path,
    /// `true` or `false`.
    Boolean,
    /// A whole number in this range.
    Number(RangeInclusive<u64>),
    /// A number of bytes, which may have a unit: `64MiB`, `1 GiB`, `4096`.
    Size,
    /// A time in this range of milliseconds, which may have a unit: `1500`, `1500ms`, `3s`.
    Duration(RangeInclusive<u64>),
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// The settings of one URL, each checked by its table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<&'static str, Value>);

/// A setting that is not as it has to be. It does not contain the value, which may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// There is no setting of this name.
    #[error("there is no setting {name}; {known}")]
    Unknown {
        /// The name given.
        name: String,
        /// The names that there are, as a clause.
        known: String,
    },
    /// It is given twice, maybe under two names.
    #[error("the setting {name} is given twice")]
    Twice {
        /// Its name.
        name: String,
    },
    /// The value is not one that it takes, or not in this combination.
    #[error("the setting {name} must be {expected}")]
    Value {
        /// Its name.
        name: String,
        /// What is expected.
        expected: String,
    },
}

#[derive(Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    Boolean(bool),
    Number(u64),
    Duration(Duration),
}

// === impl Setting ===

impl Setting {
    /// A setting without aliases, of no secret value, that does not decide which keys there are.
    pub const fn new(
        name: &'static str,
        kind: SettingKind,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            kind,
            default,
            is_secret: false,
            selects_keys: false,
            help,
        }
    }

    /// The same, with other names that are accepted.
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// The same, with a secret value.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// The same, deciding which keys the store has.
    #[must_use]
    pub const fn selects_keys(mut self) -> Self {
        self.selects_keys = true;
        self
    }

    /// Whether it has this name, or this alias.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

// === impl SettingKind ===

impl SettingKind {
    fn read(&self, text: &str) -> Option<Value> {
        match self {
            Self::Text | Self::Path => Some(Value::Text(text.to_owned())),
            Self::Choice(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
            Self::Boolean => match text {
                "true" => Some(Value::Boolean(true)),
                "false" => Some(Value::Boolean(false)),
                _ => None,
            },
            Self::Number(range) => {
                let number = text.parse().ok().filter(|number| range.contains(number));
                number.map(Value::Number)
            }
            Self::Size => bytes(text).map(Value::Number),
            Self::Duration(range) => {
                let millis = millis(text).filter(|millis| range.contains(millis))?;
                Some(Value::Duration(Duration::from_millis(millis)))
            }
        }
    }
}

impl fmt::Display for SettingKind {
    /// What a value has to be: "a whole number from 1 to 64".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Path => f.write_str("the path of a file"),
            Self::Boolean => f.write_str("true or false"),
            Self::Number(range) if *range.end() == u64::MAX => {
                write!(f, "a whole number of at least {}", range.start())
            }
            Self::Number(range) => {
                write!(
                    f,
                    "a whole number from {} to {}",
                    range.start(),
                    range.end()
                )
            }
            Self::Size => f.write_str("a number of bytes, such as 4096 or 64MiB"),
            Self::Duration(range) => write!(
                f,
                "a time from {} ms to {} s, such as 1500, 1500ms or 3s",
                range.start(),
                range.end() / 1000
            ),
            Self::Choice(words) => match words {
                [] => f.write_str("nothing"),
                [word] => f.write_str(word),
                [words @ .., last] => write!(f, "{} or {last}", words.join(", ")),
            },
        }
    }
}

/// A number of bytes, or one with a unit.
fn bytes(text: &str) -> Option<u64> {
    let units = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("", 1),
    ];
    units.into_iter().find_map(|(unit, size): (&str, u64)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(size)
    })
}

/// A number of milliseconds, or a time with a unit.
fn millis(text: &str) -> Option<u64> {
    let units = [("ms", 1), ("s", 1000), ("", 1)];
    units.into_iter().find_map(|(unit, millis): (&str, u64)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(millis)
    })
}

// === impl Settings ===

impl Settings {
    /// Reads names and values by a table.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for a name that is unknown or given twice, and for a value that the setting
    /// does not take.
    pub fn read<'a>(
        table: &'static [Setting],
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, SettingError> {
        let mut settings = Self::default();
        for (name, text) in given {
            let Some(setting) = table.iter().find(|setting| setting.is_called(name)) else {
                return Err(SettingError::unknown(name, table));
            };
            let Some(value) = setting.kind.read(text) else {
                return Err(SettingError::value(setting.name, setting.kind.to_string()));
            };
            if settings.0.insert(setting.name, value).is_some() {
                let name = setting.name.to_owned();
                return Err(SettingError::Twice { name });
            }
        }
        Ok(settings)
    }

    /// The same, with others in place of those that both have.
    #[must_use]
    pub fn overridden_by(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Whether a setting is given.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value of a setting that is text, a path or one of some words, if it is given.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a boolean setting, if it is given.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.0.get(name)? {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The value of a setting that is a number or a size, if it is given and not more than the type
    /// holds; the table's range sees to that.
    pub fn number<N: TryFrom<u64>>(&self, name: &str) -> Option<N> {
        match self.0.get(name)? {
            Value::Number(number) => N::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The value of a setting that is a time, if it is given.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        match self.0.get(name)? {
            Value::Duration(duration) => Some(*duration),
            _ => None,
        }
    }
}

// === impl SettingError ===

impl SettingError {
    /// The error for a value that is not as expected.
    pub fn value(name: &str, expected: impl Into<String>) -> Self {
        Self::Value {
            name: name.to_owned(),
            expected: expected.into(),
        }
    }

    /// The name of the setting that it is for.
    pub fn name(&self) -> &str {
        match self {
            Self::Unknown { name, .. } | Self::Twice { name } | Self::Value { name, .. } => name,
        }
    }

    fn unknown(name: &str, table: &[Setting]) -> Self {
        let names: Vec<&str> = table.iter().map(|setting| setting.name).collect();
        Self::Unknown {
            name: name.to_owned(),
            known: if names.is_empty() {
                "this store has none".to_owned()
            } else {
                format!("this store has {}", names.join(", "))
            },
        }
    }
}

impl fmt::Debug for Value {
    /// Without texts, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(..)"),
            Self::Boolean(value) => f.debug_tuple("Boolean").field(value).finish(),
            Self::Number(value) => f.debug_tuple("Number").field(value).finish(),
            Self::Duration(value) => f.debug_tuple("Duration").field(value).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TABLE: &[Setting] = &[
        Setting::new(
            "layout",
            SettingKind::Choice(&["plain", "flat"]),
            "plain",
            "",
        ),
        Setting::new("cache", SettingKind::Size, "64MiB", ""),
        Setting::new("shards", SettingKind::Number(1..=64), "1", ""),
        Setting::new("lazy", SettingKind::Boolean, "false", "").aliases(&["LAZY"]),
        Setting::new("timeout", SettingKind::Duration(1..=3_600_000), "1 s", ""),
        Setting::new("password", SettingKind::Text, "none", "").secret(),
    ];

    fn read(given: &[(&'static str, &'static str)]) -> Result<Settings, SettingError> {
        Settings::read(TABLE, given.iter().copied())
    }

    #[test]
    fn values_are_read_by_their_kind() {
        let settings = read(&[
            ("layout", "flat"),
            ("cache", "1 KiB"),
            ("shards", "64"),
            ("LAZY", "true"),
            ("timeout", "3s"),
            ("password", "hunter2"),
        ])
        .unwrap();
        assert_eq!(settings.text("layout"), Some("flat"));
        assert_eq!(settings.number("cache"), Some(1024_usize));
        assert_eq!(settings.number("shards"), Some(64_u8));
        assert_eq!(settings.boolean("lazy"), Some(true));
        assert_eq!(settings.duration("timeout"), Some(Duration::from_secs(3)));
        assert_eq!(settings.number("cache"), None::<u8>, "it does not fit");
        assert!(!format!("{settings:?}").contains("hunter2"));
        let other = read(&[("timeout", "1500"), ("cache", "5")]).unwrap();
        let both = settings.overridden_by(other);
        assert_eq!(both.duration("timeout"), Some(Duration::from_millis(1500)));
        assert_eq!(both.text("password"), Some("hunter2"));
    }

    #[test]
    fn values_that_a_setting_does_not_take_are_refused_and_not_shown() {
        for (name, value, expected) in [
            ("layout", "odd7", "plain or flat"),
            ("cache", "64MB", "a number of bytes"),
            ("cache", "99999999999GiB", "a number of bytes"),
            ("cache", "", "a number of bytes"),
            ("shards", "0", "from 1 to 64"),
            ("shards", "-77", "from 1 to 64"),
            ("lazy", "yes", "true or false"),
            ("lazy", "True", "true or false"),
            ("timeout", "0", "a time from 1 ms to 3600 s"),
            ("timeout", "2h", "a time from 1 ms to 3600 s"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(name), "{error}");
            assert!(value.len() < 3 || !error.contains(value), "{error}");
        }
    }

    #[test]
    fn unknown_names_and_names_given_twice_are_refused() {
        let error = read(&[("Layout", "hunter2")]).unwrap_err().to_string();
        let known = "layout, cache, shards, lazy, timeout, password";
        assert_eq!(
            error,
            format!("there is no setting Layout; this store has {known}")
        );
        let twice = read(&[("lazy", "true"), ("LAZY", "true")]).unwrap_err();
        assert_eq!(twice.to_string(), "the setting lazy is given twice");
    }
}
