use std::path::PathBuf;
use std::time::Duration;

use super::url::decoded;
use super::{Layout, Options, Secret, Servers, Tls};
use crate::journal;

/// A setting that is not as it has to be. Its value is not told, since it may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {name} has to be {expected}")]
pub struct SettingError {
    name: String,
    expected: &'static str,
}

/// The names that users of other providers know, and the house's own.
const ALIASES: [(&str, &str); 10] = [
    ("URL", "url"),
    ("BACKEND_RECONNECT_NUM_RETRIES", "connect-retries"),
    ("BACKEND_RECONNECT_MAX_DELAY_MS", "reconnect-max-delay"),
    ("BACKEND_CONNECTION_TIMEOUT_MS", "connect-timeout"),
    ("BACKEND_RESPONSE_TIMEOUT_MS", "answer-timeout"),
    ("DISABLE_DEFAULT_CONNECTION", "lazy"),
    ("SHARE_CONNECTIONS_BY_URL", "share-connections"),
    ("WATCH", "watch"),
    ("db", "database"),
    ("response-timeout", "answer-timeout"),
];

const KNOWN: &str = "one of url, layout, prefix, database, user, password, sentinel-user, \
    sentinel-password, connections, share-connections, lazy, connect-timeout, answer-timeout, \
    connect-retries, reconnect-max-delay, watch, configure-notifications, tls-ca, \
    tls-certificate, tls-key, shards, history, history-bytes";

// === impl Options ===

impl Options {
    /// Reads named configuration: a `url`, and settings that may stand in the URL too. What is
    /// named stands over what the URL says.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for a name that is unknown or given twice, and for a value that is none of
    /// its values; a boolean is `true` or `false` and nothing else.
    pub fn from_settings<N, V>(
        settings: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, SettingError>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut url = None;
        let mut named: Vec<(String, String)> = Vec::new();
        for (name, value) in settings {
            let name = canonical(name.as_ref());
            if name == "url" && url.is_none() {
                url = Some(value.as_ref().to_owned());
            } else if name == "url" || named.iter().any(|(known, _)| known == name) {
                return Err(SettingError::new(name, "given once"));
            } else {
                named.push((name.to_owned(), value.as_ref().to_owned()));
            }
        }
        let url = url.ok_or_else(|| SettingError::new("url", "given"))?;
        let (place, query) = url.split_once('?').unwrap_or((&url, ""));
        let mut options = Self::from_place(place)?;
        let mut in_url: Vec<&str> = Vec::new();
        for setting in query.split('&').filter(|setting| !setting.is_empty()) {
            let (name, value) = setting
                .split_once('=')
                .ok_or_else(|| SettingError::new("url", "NAME=VALUE behind its question mark"))?;
            let name = canonical(name);
            if in_url.contains(&name) {
                return Err(SettingError::new(name, "given once"));
            }
            in_url.push(name);
            options.set(name, &decoded(value)?)?;
        }
        for (name, value) in &named {
            options.set(name, value)?;
        }
        options.settle_layout();
        options.check()?;
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        match name {
            "layout" => {
                self.layout = match value {
                    "plain" => Layout::Plain,
                    "flat" => Layout::Flat,
                    "journal" => Layout::Journal,
                    _ => return Err(SettingError::new(name, "plain, flat or journal")),
                }
            }
            "prefix" => self.prefix = Some(value.to_owned()),
            "database" => self.database = number(name, value)?,
            "user" => self.login.user = Some(value.to_owned()),
            "password" => self.login.password = Some(Secret::from(value.to_owned())),
            "sentinel-user" | "sentinel-password" => {
                let Servers::Sentinel { login, .. } = &mut self.servers else {
                    return Err(SettingError::new(
                        name,
                        "left out where there is no sentinel",
                    ));
                };
                if name == "sentinel-user" {
                    login.user = Some(value.to_owned());
                } else {
                    login.password = Some(Secret::from(value.to_owned()));
                }
            }
            "connections" => {
                self.connections = number(name, value)?;
                if !(1..=64).contains(&self.connections) {
                    return Err(SettingError::new(name, "a number from 1 to 64"));
                }
            }
            "share-connections" => self.share_connections = boolean(name, value)?,
            "lazy" => self.lazy = boolean(name, value)?,
            "watch" => self.watch = boolean(name, value)?,
            "configure-notifications" => self.configure_notifications = boolean(name, value)?,
            "connect-timeout" => self.connect_timeout = duration(name, value)?,
            "answer-timeout" => self.answer_timeout = duration(name, value)?,
            "connect-retries" => self.connect_retries = number(name, value)?,
            "reconnect-max-delay" => self.reconnect_max_delay = duration(name, value)?,
            "shards" => {
                self.journal.shards = number(name, value)?;
                if !(1..=journal::Settings::MAX_SHARDS).contains(&self.journal.shards) {
                    return Err(SettingError::new(name, "a number from 1 to 64"));
                }
            }
            "history" => self.journal.history = number(name, value)?,
            "history-bytes" => self.journal.history_bytes = number(name, value)?,
            "tls-ca" => self.tls(name)?.ca = Some(PathBuf::from(value)),
            "tls-certificate" => {
                let key = self.tls(name)?.certificate.take().unwrap_or_default().1;
                self.tls(name)?.certificate = Some((PathBuf::from(value), key));
            }
            "tls-key" => {
                let chain = self.tls(name)?.certificate.take().unwrap_or_default().0;
                self.tls(name)?.certificate = Some((chain, PathBuf::from(value)));
            }
            _ => return Err(SettingError::new(name, KNOWN)),
        }
        Ok(())
    }

    fn tls(&mut self, name: &str) -> Result<&mut Tls, SettingError> {
        let plain = || SettingError::new(name, "left out unless the scheme is rediss or valkeys");
        self.tls.as_mut().ok_or_else(plain)
    }

    /// A prefix without the name of a layout is that of the flat one, as `layout=flat` was once
    /// written.
    fn settle_layout(&mut self) {
        match (self.layout, &self.prefix) {
            (Layout::Plain, Some(_)) => self.layout = Layout::Flat,
            (Layout::Flat, None) => self.prefix = Some(String::new()),
            _ => {}
        }
    }

    fn check_journal(&self) -> Result<(), SettingError> {
        if self.layout != Layout::Journal {
            if self.journal != journal::Settings::default() {
                let name = "shards, history or history-bytes";
                return Err(SettingError::new(name, "left out unless layout=journal"));
            }
            return Ok(());
        }
        if self
            .prefix
            .as_ref()
            .is_some_and(|prefix| prefix.contains('{'))
        {
            let expected = "without a brace where layout=journal, as it would be a hash tag";
            return Err(SettingError::new("prefix", expected));
        }
        let journal::Settings {
            history,
            history_bytes,
            ..
        } = self.journal;
        if history.max(history_bytes) > journal::Settings::MAX_HISTORY {
            let name = "history or history-bytes";
            return Err(SettingError::new(name, "at most 2^50"));
        }
        Ok(())
    }

    /// What only shows when all settings are known.
    fn check(&self) -> Result<(), SettingError> {
        if self.login.user.is_some() && self.login.password.is_none() {
            return Err(SettingError::new("password", "given where there is a user"));
        }
        if matches!(self.servers, Servers::Cluster(_)) && self.database != 0 {
            return Err(SettingError::new("database", "0 on a cluster"));
        }
        self.check_journal()?;
        let unpaired = |(chain, key): &(PathBuf, PathBuf)| {
            chain.as_os_str().is_empty() || key.as_os_str().is_empty()
        };
        let own = self.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
        if own.is_some_and(unpaired) {
            let expected = "given together with tls-key";
            return Err(SettingError::new("tls-certificate", expected));
        }
        Ok(())
    }
}

fn canonical(name: &str) -> &str {
    ALIASES
        .iter()
        .find_map(|(alias, own)| (*alias == name).then_some(*own))
        .unwrap_or(name)
}

fn boolean(name: &str, value: &str) -> Result<bool, SettingError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(SettingError::new(name, "true or false")),
    }
}

fn number<N: std::str::FromStr>(name: &str, value: &str) -> Result<N, SettingError> {
    let refused = |_| SettingError::new(name, "a whole number");
    value.parse().map_err(refused)
}

/// Milliseconds, or with a unit: `1500`, `1500ms`, `3s`.
fn duration(name: &str, value: &str) -> Result<Duration, SettingError> {
    let expected = "a time of 1 ms to 1 h in milliseconds, or with a unit: 1500, 1500ms, 3s";
    let refused = || SettingError::new(name, expected);
    let (digits, millis) = match value.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => value
            .strip_suffix('s')
            .map_or((value, 1), |digits| (digits, 1000)),
    };
    let number: u64 = digits.parse().map_err(|_| refused())?;
    let millis = number.checked_mul(millis).ok_or_else(refused)?;
    if !(1..=3_600_000).contains(&millis) {
        return Err(refused());
    }
    Ok(Duration::from_millis(millis))
}

// === impl SettingError ===

impl SettingError {
    pub(super) fn new(name: &str, expected: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Options, SettingError> {
        let url = [("URL", "redis://h/1?answer-timeout=5s&prefix=a%26b")];
        Options::from_settings(url.iter().chain(settings).copied())
    }

    #[test]
    fn names_of_the_existing_provider_are_known() {
        let options = read(&[
            ("BACKEND_RECONNECT_NUM_RETRIES", "7"),
            ("BACKEND_RECONNECT_MAX_DELAY_MS", "250"),
            ("BACKEND_CONNECTION_TIMEOUT_MS", "4000"),
            ("BACKEND_RESPONSE_TIMEOUT_MS", "1500"),
            ("DISABLE_DEFAULT_CONNECTION", "true"),
            ("SHARE_CONNECTIONS_BY_URL", "true"),
            ("WATCH", "false"),
        ])
        .unwrap();
        assert_eq!(options.connect_retries, 7);
        assert_eq!(options.reconnect_max_delay, Duration::from_millis(250));
        assert_eq!(options.connect_timeout, Duration::from_secs(4));
        assert_eq!(options.answer_timeout, Duration::from_millis(1500));
        assert!(options.lazy && options.share_connections && !options.watch);
        assert_eq!(options.prefix.as_deref(), Some("a&b"));
    }

    #[test]
    fn a_boolean_given_as_false_is_false_and_anything_odd_is_refused() {
        assert!(
            !read(&[("share-connections", "false")])
                .unwrap()
                .share_connections
        );
        for odd in ["", "0", "1", "no", "False", "true "] {
            let error = read(&[("WATCH", odd)]).unwrap_err();
            assert!(error.to_string().contains("setting watch"), "{error}");
        }
    }

    #[test]
    fn what_is_unknown_or_given_twice_or_out_of_place_is_refused() {
        for settings in [
            &[("Layout", "plain")][..],
            &[("layout", "fancy")],
            &[("db", "1"), ("database", "2")],
            &[("URL", "redis://x")],
            &[("connections", "0")],
            &[("connections", "many")],
            &[("connect-timeout", "0")],
            &[("connect-timeout", "2h")],
            &[("tls-ca", "x.pem")],
            &[("user", "me")],
            &[("sentinel-password", "x")],
            &[("shards", "2")],
            &[("layout", "journal"), ("shards", "0")],
            &[("layout", "journal"), ("shards", "65")],
            &[("layout", "journal"), ("history", "-1")],
            &[
                ("layout", "journal"),
                ("history-bytes", "18446744073709551615"),
            ],
            &[("layout", "journal"), ("prefix", "a{b}")],
        ] {
            assert!(read(settings).is_err(), "{settings:?}");
        }
        assert!(Options::from_settings([("layout", "plain")]).is_err());
        assert!(Options::from_url("rediss://h?tls-key=k").is_err());
        assert!(Options::from_url("redis+cluster://h?db=1").is_err());
    }

    #[test]
    fn a_flat_layout_has_an_empty_prefix_unless_one_is_given() {
        for (url, layout, prefix) in [
            ("redis://h", Layout::Plain, None),
            ("redis://h?layout=plain", Layout::Plain, None),
            ("redis://h?layout=flat", Layout::Flat, Some("")),
            ("redis://h?prefix=", Layout::Flat, Some("")),
            (
                "redis://h?layout=flat&prefix=app:",
                Layout::Flat,
                Some("app:"),
            ),
            ("redis://h?prefix=app:", Layout::Flat, Some("app:")),
            (
                "redis://h?layout=plain&prefix=app:",
                Layout::Flat,
                Some("app:"),
            ),
            ("redis://h?layout=journal", Layout::Journal, None),
            (
                "redis://h?layout=journal&prefix=app:",
                Layout::Journal,
                Some("app:"),
            ),
        ] {
            let options = Options::from_url(url).unwrap();
            assert_eq!(
                (options.layout, options.prefix.as_deref()),
                (layout, prefix),
                "{url}"
            );
        }
        let named = Options::from_settings([("url", "redis://h"), ("layout", "flat")]).unwrap();
        assert_eq!(named.prefix.as_deref(), Some(""));
        let odd = Options::from_url("redis://h?layout=flatt").unwrap_err();
        assert!(odd.to_string().contains("plain, flat or journal"), "{odd}");
    }

    #[test]
    fn what_is_named_stands_over_the_url() {
        let options = read(&[("answer-timeout", "2s"), ("db", "4")]).unwrap();
        assert_eq!(options.answer_timeout, Duration::from_secs(2));
        assert_eq!(options.database, 4);
    }
}
