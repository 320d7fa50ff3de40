use std::path::PathBuf;

use keywell_store::{SettingError, Settings, StoreUrl, StoreUrlError};

use super::table::TABLE;
use super::{Layout, Options, Secret, Servers, Tls};
use crate::journal;

// === impl Options ===

impl Options {
    /// Reads named configuration: a `url` (or `URL`), and settings that may stand in the URL too.
    /// What is named overrides what the URL says.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for a name that is unknown or given twice, and for a value that the setting
    /// does not take.
    pub fn from_settings<N, V>(
        settings: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, SettingError>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let settings: Vec<_> = settings.into_iter().collect();
        let pairs = settings
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()));
        let (urls, named): (Vec<_>, Vec<_>) =
            pairs.partition(|(name, _)| matches!(*name, "url" | "URL"));
        let url = match urls[..] {
            [(_, url)] => parsed(url)?,
            [] => return Err(SettingError::value("url", "given")),
            [..] => {
                let name = "url".to_owned();
                return Err(SettingError::Twice { name });
            }
        };
        Self::with_settings(&url, Settings::read(TABLE, named)?)
    }

    /// Reads a URL such as `redis://user:password@host:6379/0?layout=plain`.
    ///
    /// What would end a part of it (`@`, `/`, `?`, `&`, `%`) is percent-encoded, as in any URL.
    ///
    /// # Errors
    ///
    /// [`SettingError`], whose text has no password.
    pub fn from_url(url: &str) -> Result<Self, SettingError> {
        Self::from_store_url(&parsed(url)?)
    }

    /// As [`from_url`](Self::from_url), with a URL that is read already.
    ///
    /// # Errors
    ///
    /// [`SettingError`], whose text has no password.
    pub fn from_store_url(url: &StoreUrl) -> Result<Self, SettingError> {
        Self::with_settings(url, Settings::default())
    }

    fn with_settings(url: &StoreUrl, named: Settings) -> Result<Self, SettingError> {
        let mut options = Self::from_place(url.scheme(), url.place())?;
        let in_url = Settings::read(TABLE, url.settings())?;
        options.set(&in_url.overridden_by(named))?;
        options.settle_layout();
        options.check()?;
        Ok(options)
    }

    fn set(&mut self, settings: &Settings) -> Result<(), SettingError> {
        let text = |name| settings.text(name).map(str::to_owned);
        let secret = |name| text(name).map(Secret::from);
        self.layout = match settings.text("layout") {
            Some("flat") => Layout::Flat,
            Some("journal") => Layout::Journal,
            _ => Layout::Plain,
        };
        self.prefix = text("prefix");
        if let Some(database) = settings.number("database") {
            self.database = database;
        }
        self.login.user = text("user").or(self.login.user.take());
        self.login.password = secret("password").or(self.login.password.take());
        let of_sentinel = (text("sentinel-user"), secret("sentinel-password"));
        if let Servers::Sentinel { login, .. } = &mut self.servers {
            (login.user, login.password) = of_sentinel;
        } else if of_sentinel != (None, None) {
            let name = ["sentinel-user", "sentinel-password"];
            let name = name
                .into_iter()
                .find(|name| settings.has(name))
                .unwrap_or_default();
            return Err(SettingError::value(
                name,
                "left out where there is no sentinel",
            ));
        }
        self.set_numbers(settings);
        self.set_tls(settings)
    }

    fn set_numbers(&mut self, settings: &Settings) {
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        set(&mut self.connections, settings.number("connections"));
        set(
            &mut self.share_connections,
            settings.boolean("share-connections"),
        );
        set(&mut self.lazy, settings.boolean("lazy"));
        set(&mut self.watch, settings.boolean("watch"));
        let configure = settings.boolean("configure-notifications");
        set(&mut self.configure_notifications, configure);
        set(
            &mut self.connect_timeout,
            settings.duration("connect-timeout"),
        );
        set(
            &mut self.answer_timeout,
            settings.duration("answer-timeout"),
        );
        set(
            &mut self.connect_retries,
            settings.number("connect-retries"),
        );
        let max_delay = settings.duration("reconnect-max-delay");
        set(&mut self.reconnect_max_delay, max_delay);
        set(&mut self.journal.shards, settings.number("shards"));
        set(&mut self.journal.history, settings.number("history"));
        set(
            &mut self.journal.history_bytes,
            settings.number("history-bytes"),
        );
    }

    fn set_tls(&mut self, settings: &Settings) -> Result<(), SettingError> {
        let path = |name| settings.text(name).map(PathBuf::from);
        let names = ["tls-ca", "tls-certificate", "tls-key"];
        let Some(given) = names.into_iter().find(|name| settings.has(name)) else {
            return Ok(());
        };
        if self.tls.is_none() {
            let expected = "left out unless the scheme is rediss or valkeys";
            return Err(SettingError::value(given, expected));
        }
        let certificate = match (path("tls-certificate"), path("tls-key")) {
            (Some(chain), Some(key)) => Some((chain, key)),
            (None, None) => None,
            _ => {
                let expected = "given together with tls-key";
                return Err(SettingError::value("tls-certificate", expected));
            }
        };
        self.tls = Some(Tls {
            ca: path("tls-ca"),
            certificate,
            ..Tls::default()
        });
        Ok(())
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
                return Err(SettingError::value(name, "left out unless layout=journal"));
            }
            return Ok(());
        }
        if self
            .prefix
            .as_ref()
            .is_some_and(|prefix| prefix.contains('{'))
        {
            let expected = "without a brace where layout=journal, as it would be a hash tag";
            return Err(SettingError::value("prefix", expected));
        }
        let journal::Settings {
            history,
            history_bytes,
            ..
        } = self.journal;
        if history.max(history_bytes) > journal::Settings::MAX_HISTORY {
            let name = "history or history-bytes";
            return Err(SettingError::value(name, "at most 2^50"));
        }
        Ok(())
    }

    /// What only shows when all settings are known.
    fn check(&self) -> Result<(), SettingError> {
        if self.login.user.is_some() && self.login.password.is_none() {
            return Err(SettingError::value(
                "password",
                "given where there is a user",
            ));
        }
        if matches!(self.servers, Servers::Cluster(_)) && self.database != 0 {
            return Err(SettingError::value("database", "0 on a cluster"));
        }
        self.check_journal()?;
        Ok(())
    }
}

/// Reads a URL for its place and settings.
fn parsed(url: &str) -> Result<StoreUrl, SettingError> {
    url.parse().map_err(|error| match error {
        StoreUrlError::Twice(name) => SettingError::Twice { name },
        StoreUrlError::Encoding(name) => {
            SettingError::value(&name, "UTF-8 behind its percent signs")
        }
        StoreUrlError::Setting(_) => {
            SettingError::value("url", "NAME=VALUE behind its question mark")
        }
        _ => SettingError::value("url", "redis://HOST:PORT or another of its forms"),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
