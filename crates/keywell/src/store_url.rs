use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Where a store is: `memory:`, `disk:PATH`.
///
/// A scheme, a colon, a place whose form is the scheme's own, and settings behind a question mark:
/// `disk:data?history=0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreUrl {
    scheme: String,
    place: String,
    settings: Vec<(String, String)>,
}

/// Why text is not a store's URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreUrlError {
    /// There is no scheme.
    #[error("a store is written SCHEME:PLACE, such as memory: or disk:data, not {0:?}")]
    NoScheme(String),
    /// A setting has no value.
    #[error("a store's setting is written NAME=VALUE, not {0:?}")]
    Setting(String),
    /// A setting is given twice.
    #[error("the setting {0:?} is given twice")]
    Twice(String),
}

// === impl StoreUrl ===

impl StoreUrl {
    /// What kind of store: `memory`, `disk`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Where it is, in the scheme's own form; may be empty.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Its settings, in the order given; each name once.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings
            .iter()
            .map(|(name, value)| (&**name, &**value))
    }

    /// The same, with a place that is a relative path taken from this folder.
    #[must_use]
    pub fn relative_to(mut self, folder: &Path) -> Self {
        if self.scheme == "disk" && !self.place.is_empty() {
            // Joined to a folder, an absolute path stays as it is.
            self.place = folder.join(&self.place).to_string_lossy().into_owned();
        }
        self
    }

    /// The same with one more setting.
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
        let no_scheme = || StoreUrlError::NoScheme(url.to_owned());
        let (scheme, rest) = url.split_once(':').ok_or_else(no_scheme)?;
        let plain = |c: char| c.is_ascii_lowercase() || c == '-' || c == '+';
        if scheme.is_empty() || !scheme.chars().all(plain) {
            return Err(no_scheme());
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut settings: Vec<(String, String)> = Vec::new();
        for setting in query.split('&').filter(|setting| !setting.is_empty()) {
            let Some((name, value)) = setting.split_once('=') else {
                return Err(StoreUrlError::Setting(setting.to_owned()));
            };
            if settings.iter().any(|(known, _)| known == name) {
                return Err(StoreUrlError::Twice(name.to_owned()));
            }
            settings.push((name.to_owned(), value.to_owned()));
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            place: place.to_owned(),
            settings,
        })
    }
}

impl fmt::Display for StoreUrl {
    /// Without the settings, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.place)
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
    fn a_relative_path_is_taken_from_a_folder() {
        for (url, there) in [
            ("disk:data", "disk:apps/data"),
            ("disk:/data", "disk:/data"),
            ("disk:", "disk:"),
            ("memory:", "memory:"),
        ] {
            let url: StoreUrl = url.parse().unwrap();
            assert_eq!(url.relative_to("apps".as_ref()).to_string(), there);
        }
    }

    #[test]
    fn a_setting_is_added_as_it_is_and_once() {
        let url: StoreUrl = "disk:x?history=0".parse().unwrap();
        let url = url.with_setting("odd", "a&b=c").unwrap();
        let settings: Vec<_> = url.settings().collect();
        assert_eq!(settings, [("history", "0"), ("odd", "a&b=c")]);
        let twice = url.with_setting("history", "1");
        assert_eq!(twice, Err(StoreUrlError::Twice("history".into())));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "memory",
            ":x",
            "C:\\data",
            "disk:a?history",
            "disk:a?x=1&x=2",
        ] {
            assert!(text.parse::<StoreUrl>().is_err(), "{text:?}");
        }
    }
}
