use std::fmt;
use std::path::Path;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// Where a store is: `memory:`, `disk:PATH`, `redis://HOST`.
///
/// A scheme, a colon, a place whose form is the scheme's own, and settings behind a question mark:
/// `disk:data?history=0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreUrl {
    scheme: String,
    place: String,
    settings: Vec<(String, String)>,
}

/// Why text is not a store's URL. It shows no more of it than a scheme and names of settings, for
/// the rest may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreUrlError {
    /// There is no scheme where one should be.
    #[error("a store is written SCHEME:PLACE, such as memory: or disk:data; {0:?} is no scheme")]
    NoScheme(String),
    /// A setting has no value: which one, counted from 1.
    #[error("a store's setting is written NAME=VALUE; number {0} behind the question mark is not")]
    Setting(usize),
    /// A setting is given twice.
    #[error("the setting {0:?} is given twice")]
    Twice(String),
    /// A setting's value is not UTF-8 once its percent signs are decoded.
    #[error("the setting {0:?} must be UTF-8 behind its percent signs")]
    Encoding(String),
}

// === impl StoreUrl ===

impl StoreUrl {
    /// What kind of store: `memory`, `disk`; in small letters, however it was written.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Where it is, in the scheme's own form; may be empty.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Its settings, decoded, in the order given; each name once.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings
            .iter()
            .map(|(name, value)| (&**name, &**value))
    }

    /// The same with another place, and with the settings that are paths taken from a folder.
    pub(crate) fn resolved(
        self,
        place: String,
        is_path: impl Fn(&str) -> bool,
        folder: &Path,
    ) -> Self {
        let settings = self.settings.into_iter().map(|(name, value)| {
            if value.is_empty() || !is_path(&name) {
                return (name, value);
            }
            // Joined to a folder, an absolute path stays as it is.
            let value = folder.join(value).to_string_lossy().into_owned();
            (name, value)
        });
        Self {
            scheme: self.scheme,
            place,
            settings: settings.collect(),
        }
    }

    /// The same with one more setting, whose value is taken as it is.
    ///
    /// # Errors
    ///
    /// [`StoreUrlError::Twice`] where it has that setting.
    pub fn with_setting(mut self, name: &str, value: &str) -> Result<Self, StoreUrlError> {
        if self.settings.iter().any(|(known, _)| known == name) {
            return Err(StoreUrlError::Twice(name.to_owned()));
        }
        self.settings.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(url: &str) -> Result<Self, StoreUrlError> {
        let no_scheme = || {
            let end = url.find([':', '/', '?', '@']).unwrap_or(url.len());
            // What stands before an `@` is a login.
            let shown = if url[end..].starts_with('@') {
                ""
            } else {
                &url[..end]
            };
            StoreUrlError::NoScheme(shown.to_owned())
        };
        let (scheme, rest) = url.split_once(':').ok_or_else(no_scheme)?;
        let plain = |c: char| c.is_ascii_alphabetic() || c == '-' || c == '+';
        if scheme.is_empty() || !scheme.chars().all(plain) {
            return Err(no_scheme());
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut settings: Vec<(String, String)> = Vec::new();
        let given = query.split('&').filter(|setting| !setting.is_empty());
        for (number, setting) in (1..).zip(given) {
            let Some((name, value)) = setting.split_once('=') else {
                return Err(StoreUrlError::Setting(number));
            };
            if settings.iter().any(|(known, _)| known == name) {
                return Err(StoreUrlError::Twice(name.to_owned()));
            }
            let decoded = percent_decode_str(value).decode_utf8();
            let decoded = decoded.map_err(|_| StoreUrlError::Encoding(name.to_owned()))?;
            settings.push((name.to_owned(), decoded.into_owned()));
        }
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            place: place.to_owned(),
            settings,
        })
    }
}

impl fmt::Display for StoreUrl {
    /// Without the settings and the login, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (slashes, rest) = match self.place.strip_prefix("//") {
            Some(rest) => ("//", rest),
            None => ("", &*self.place),
        };
        // A password may have a slash that should have been encoded, so a login is taken to reach up
        // to the last `@`. Only the path of a socket has none.
        let login = rest.rfind('@').filter(|at| {
            let is_path = !slashes.is_empty() && rest.starts_with('/');
            !is_path || rest[..*at].contains(':')
        });
        let behind_login = login.map_or(0, |at| at + 1);
        write!(f, "{}:{slashes}{}", self.scheme, &rest[behind_login..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_scheme_a_place_and_settings() {
        let url: StoreUrl = "disk:/var/my data?history=0&cache=8388608".parse().unwrap();
        assert_eq!((url.scheme(), url.place()), ("disk", "/var/my data"));
        let settings: Vec<_> = url.settings().collect();
        assert_eq!(settings, [("history", "0"), ("cache", "8388608")]);
        assert_eq!(url.to_string(), "disk:/var/my data");
    }

    #[test]
    fn settings_are_decoded() {
        let url: StoreUrl = "redis://h?prefix=a%26b%25&odd=%2Fx=y".parse().unwrap();
        let settings: Vec<_> = url.settings().collect();
        assert_eq!(settings, [("prefix", "a&b%"), ("odd", "/x=y")]);
        let odd = "redis://h?prefix=%ff".parse::<StoreUrl>();
        assert_eq!(odd, Err(StoreUrlError::Encoding("prefix".into())));
    }

    #[test]
    fn a_scheme_may_be_written_in_capitals() {
        for (url, shown) in [
            ("REDIS://h", "redis://h"),
            ("Disk:Data", "disk:Data"),
            ("Redis+Unix:///Run", "redis+unix:///Run"),
        ] {
            assert_eq!(url.parse::<StoreUrl>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_login_is_not_shown() {
        for (url, shown) in [
            ("redis://u:hunter2@h:1/2?x=hunter2", "redis://h:1/2"),
            ("redis://u:hunter2@h", "redis://h"),
            ("redis://u:hunter2%2F@x@h/1", "redis://h/1"),
            ("redis://u:hun/ter2@h", "redis://h"),
            ("redis+unix:///run/a@b", "redis+unix:///run/a@b"),
            (
                "redis+unix://:hunter2@/run/redis",
                "redis+unix:///run/redis",
            ),
            ("redis://h", "redis://h"),
            ("redis:u:hunter2@h", "redis:h"),
            ("redis:///u:hunter2@h", "redis://h"),
            ("memory:u:hunter2@h", "memory:h"),
            ("redis:/u:hunter2@h", "redis:h"),
            ("redis:hunter2@h", "redis:h"),
            // A provider of paths shows the whole of it.
            ("disk:a@b", "disk:b"),
            ("disk:redis://u:hunter2@h", "disk:h"),
        ] {
            assert_eq!(url.parse::<StoreUrl>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_setting_is_added_as_it_is_and_once() {
        let url: StoreUrl = "disk:x?history=0".parse().unwrap();
        let url = url.with_setting("odd", "a&b=c%").unwrap();
        let settings: Vec<_> = url.settings().collect();
        assert_eq!(settings, [("history", "0"), ("odd", "a&b=c%")]);
        let twice = url.with_setting("history", "1");
        assert_eq!(twice, Err(StoreUrlError::Twice("history".into())));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in ["", "memory", ":x", "disk:a?history", "disk:a?x=1&x=2"] {
            assert!(text.parse::<StoreUrl>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_refused_is_not_shown_where_it_may_be_secret() {
        for text in [
            "RED1S://user:hunter2@host",
            "//user:hunter2@host",
            "hunter2@host",
            "hunter2@host:6379",
            "RED1S:?password=hunter2",
            "redis://host?password=a&hunter2",
            "redis://host?password=hunter2&password=x",
        ] {
            let error = text.parse::<StoreUrl>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
        let error = "d1sk:data".parse::<StoreUrl>().unwrap_err().to_string();
        assert!(error.contains("\"d1sk\" is no scheme"), "{error}");
        let error = "disk:a?x=1&y".parse::<StoreUrl>().unwrap_err();
        assert_eq!(error, StoreUrlError::Setting(2));
    }
}
