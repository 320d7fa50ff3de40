use std::sync::Arc;
use std::time::Duration;

use keywell_store::{
    Making, OpenError, Opening, Provider, Setting, SettingError, SettingKind, Settings, Store,
    StoreUrl, UrlForm,
};

use super::{CacheOptions, CacheStore};
use crate::login::table;

/// The provider of replicated caches, at `nats-cache://HOST/NAME`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheProvider;

const URL: &str = "url";
const SUBJECT: &str = "subject";
const REPLAY_SUBJECT: &str = "replay-subject";
const HEARTBEAT: &str = "heartbeat-secs";
const MAX_BYTES: &str = "max-bytes";
/// The least of it.
const LEAST_BYTES: usize = 64 << 10;

const TABLE: &[Setting] = &[
    Setting::new(
        URL,
        SettingKind::Text,
        "none",
        "`nats://HOST[:PORT][/NAME]`, where `nats-cache:` alone stands for the place",
    )
    .aliases(&["NATS_URL"])
    .secret()
    .selects_keys(),
    table::USER,
    table::PASSWORD,
    table::TOKEN,
    table::CREDENTIALS,
    table::JWT,
    table::SEED,
    table::NKEY,
    table::TLS,
    table::TLS_CA,
    table::TLS_CA_PEM,
    table::TLS_CERTIFICATE,
    table::TLS_KEY,
    Setting::new(
        SUBJECT,
        SettingKind::Text,
        "lattice.state.events",
        "what the subject of changes begins with",
    )
    .aliases(&["STATE_REPL_SUBJECT"])
    .selects_keys(),
    Setting::new(
        REPLAY_SUBJECT,
        SettingKind::Text,
        "lattice.state.replay",
        "what the subjects of repairs begin with",
    )
    .aliases(&["REPLAY_REQ_SUBJECT"]),
    Setting::new(
        HEARTBEAT,
        SettingKind::Number(1..=3600),
        "60",
        "the longest time between two comparisons of copies, in seconds",
    )
    .aliases(&["REPLAY_HEARTBEAT_SECS"]),
    Setting::new(
        MAX_BYTES,
        SettingKind::Size,
        "no bound",
        "how many bytes the cache holds, at least 64KiB; the keys written longest ago leave first",
    ),
];

// === impl CacheProvider ===

impl CacheProvider {
    fn options(self, url: &StoreUrl) -> Result<CacheOptions, OpenError> {
        let provider: &dyn Provider = &self;
        let settings = provider.read_settings(url)?;
        let refused = |problem: &str| OpenError::Place {
            url: provider.shown(url),
            problem: problem.to_owned(),
        };
        let of_setting = |error| OpenError::Setting {
            url: provider.shown(url),
            error,
        };
        // Each of several servers may be written as a URL, as other clients take them.
        let text = settings.text(URL);
        let is_tls = text.is_some_and(|text| text.starts_with("tls://"));
        let text = text.map(|text| text.replace(",nats://", ",").replace(",tls://", ","));
        let place = match (url.place(), text.as_deref()) {
            (place, None) => place
                .strip_prefix("//")
                .or_else(|| place.is_empty().then_some("")),
            ("", Some(text)) => match text.split_once("://") {
                None => Some(text),
                Some(("nats" | "tls", place)) => Some(place.trim_end_matches('/')),
                Some(_) => return Err(of_setting(SettingError::value(URL, "nats://HOST/NAME"))),
            },
            (_, Some(_)) => {
                let expected = "left out where the URL names a server";
                return Err(of_setting(SettingError::value(URL, expected)));
            }
        };
        let place = place.ok_or_else(|| refused("is not written nats-cache://HOST/NAME"))?;
        let (login, place) = match place.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, place),
        };
        let mut options = from_settings(&settings, login).map_err(of_setting)?;
        if is_tls {
            options.login.tls.get_or_insert_default();
        }
        let (hosts, name) = place.split_once('/').unwrap_or((place, ""));
        if hosts.is_empty() {
            return if place.is_empty() && login.is_none() && !settings.has(URL) {
                Ok(options)
            } else {
                Err(refused("names no host; write nats-cache://HOST/NAME"))
            };
        }
        if !name.is_empty() {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            if !name.chars().all(is_plain) {
                return Err(refused(
                    "has a name with other characters than letters, digits, `-` and `_`",
                ));
            }
            name.clone_into(&mut options.name);
        }
        let hosts = hosts.split(',').map(str::trim);
        options.servers = hosts.map(str::to_owned).collect();
        if options.servers.iter().any(String::is_empty) {
            return Err(refused("names no host between commas"));
        }
        Ok(options)
    }
}

fn from_settings(settings: &Settings, login: Option<&str>) -> Result<CacheOptions, SettingError> {
    let usual = CacheOptions::default();
    let subject = |name, usual| match settings.text(name) {
        None => Ok(usual),
        Some(text) if is_subject(text) => Ok(text.to_owned()),
        Some(_) => Err(SettingError::value(
            name,
            "a subject of NATS without wildcards",
        )),
    };
    let max_bytes = settings.number(MAX_BYTES);
    if max_bytes.is_some_and(|bytes| bytes < LEAST_BYTES) {
        return Err(SettingError::value(MAX_BYTES, "at least 64KiB"));
    }
    let heartbeat = settings.number(HEARTBEAT);
    Ok(CacheOptions {
        login: table::read(settings, login)?,
        changes: subject(SUBJECT, usual.changes)?,
        replays: subject(REPLAY_SUBJECT, usual.replays)?,
        heartbeat: heartbeat.map_or(usual.heartbeat, Duration::from_secs),
        max_bytes,
        ..CacheOptions::default()
    })
}

/// Whether messages can be sent to it: tokens between dots, none of them a wildcard.
fn is_subject(text: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"*>".contains(c);
    text.split('.')
        .all(|token| !token.is_empty() && token.chars().all(is_plain))
}

impl Provider for CacheProvider {
    fn name(&self) -> &'static str {
        "nats-cache"
    }

    fn summary(&self) -> &'static str {
        "in every process's memory, replicated over plain NATS"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["nats-cache"]
    }

    fn forms(&self) -> &'static [UrlForm] {
        &[
            UrlForm {
                form: "nats-cache://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]][/NAME]",
                help: "the cache of this name, shared by all processes that open it there",
            },
            UrlForm {
                form: "nats-cache:",
                help: "a cache of this process alone",
            },
        ]
    }

    fn settings(&self) -> &'static [Setting] {
        TABLE
    }

    fn check(&self, url: &StoreUrl) -> Result<(), OpenError> {
        self.options(url).map(drop)
    }

    fn outlives_processes(&self) -> bool {
        false
    }

    fn open(&self, url: &StoreUrl, making: Making) -> Opening {
        let options = self.options(url).map(|options| CacheOptions {
            existing: making == Making::Refused,
            ..options
        });
        let url = (self as &dyn Provider).shown(url);
        Box::pin(async move {
            let opened = CacheStore::open(options?).await;
            let store = opened.map_err(|source| OpenError::Store { url, source })?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> Result<CacheOptions, String> {
        let url = url.parse().expect("it is a URL");
        CacheProvider
            .options(&url)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_names_servers_and_a_cache() {
        for (url, servers, name) in [
            ("nats-cache:", vec![], "default"),
            ("nats-cache://", vec![], "default"),
            ("nats-cache://h", vec!["h"], "default"),
            ("nats-cache://h:4222/bar", vec!["h:4222"], "bar"),
            (
                "nats-cache://u:p@h:1,i:2/a-b_9",
                vec!["h:1", "i:2"],
                "a-b_9",
            ),
            (
                "nats-cache:?NATS_URL=nats://h:4222",
                vec!["h:4222"],
                "default",
            ),
            ("nats-cache:?url=h/bar", vec!["h"], "bar"),
        ] {
            let options = options(url).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(
                (options.servers, &*options.name),
                (servers.iter().map(ToString::to_string).collect(), name),
                "{url}"
            );
        }
        let options = options("nats-cache://u:p%40@h").expect("it is well formed");
        let (user, password) = options.login.user.expect("it has a login");
        assert_eq!((&*user, password.expose()), ("u", "p@"));
    }

    #[test]
    fn settings_have_the_names_that_they_had_before() {
        let url = "nats-cache://h?CLIENT_JWT=j&CLIENT_SEED=s&STATE_REPL_SUBJECT=a.b\
                   &REPLAY_REQ_SUBJECT=c&REPLAY_HEARTBEAT_SECS=5&max-bytes=1MiB";
        let options = options(url).unwrap_or_else(|error| panic!("{error}"));
        assert!(options.login.jwt.is_some());
        assert_eq!((&*options.changes, &*options.replays), ("a.b", "c"));
        assert_eq!(options.heartbeat, Duration::from_secs(5));
        assert_eq!(options.max_bytes, Some(1 << 20));
    }

    #[test]
    fn the_scheme_of_a_setting_asks_for_encryption() {
        let tls = |url| options(url).unwrap_or_else(|error| panic!("{error}"));
        let encrypted = tls("nats-cache:?NATS_URL=tls://h,tls://i/bar");
        assert!(encrypted.login.tls.is_some());
        assert_eq!(encrypted.servers, ["h", "i"]);
        assert!(tls("nats-cache:?NATS_URL=nats://h").login.tls.is_none());
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_and_no_secret() {
        for (url, expected) in [
            ("nats-cache:h", "is not written nats-cache://HOST/NAME"),
            ("nats-cache:///bar", "names no host"),
            ("nats-cache://h,,i", "names no host between commas"),
            ("nats-cache://u:hunter2@", "names no host"),
            ("nats-cache://h/a/b", "a name with other characters"),
            (
                "nats-cache://h?url=i",
                "the setting url must be left out where the URL names",
            ),
            (
                "nats-cache:?url=http://u:hunter2@h",
                "the setting url must be nats://HOST/NAME",
            ),
            (
                "nats-cache://h?subject=a.*",
                "the setting subject must be a subject",
            ),
            (
                "nats-cache://h?max-bytes=1",
                "the setting max-bytes must be at least 64KiB",
            ),
            (
                "nats-cache://h?CLIENT_JWT=hunter2",
                "the setting jwt must be given together",
            ),
            (
                "nats-cache://h?heartbeat-secs=0",
                "the setting heartbeat-secs must be",
            ),
        ] {
            let error = options(url).expect_err(url);
            assert!(error.contains(expected), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
