use std::sync::Arc;

use keywell_store::{
    Making, OpenError, Opening, Provider, Secret, Setting, SettingKind, Settings, Store, StoreUrl,
    UrlForm,
};

use super::{CacheOptions, CacheStore};

/// The provider of replicated caches, at `nats-cache://HOST/NAME`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheProvider;

const TABLE: &[Setting] = &[
    Setting::new(
        "user",
        SettingKind::Text,
        "none",
        "the user of the NATS server",
    ),
    Setting::new("password", SettingKind::Text, "none", "the user's password").secret(),
    Setting::new(
        "token",
        SettingKind::Text,
        "none",
        "a token that the server asks for",
    )
    .secret(),
    Setting::new(
        "tls",
        SettingKind::Boolean,
        "false",
        "whether the connection is encrypted",
    ),
    Setting::new(
        "tls-ca",
        SettingKind::Path,
        "the system's",
        "a file with certificates to trust besides",
    ),
    Setting::new(
        "subject",
        SettingKind::Text,
        "lattice.state.events",
        "what the subjects of changes begin with",
    )
    .aliases(&["STATE_REPL_SUBJECT"])
    .selects_keys(),
    Setting::new(
        "replay-subject",
        SettingKind::Text,
        "lattice.state.replay",
        "what the subjects of repairs begin with",
    )
    .aliases(&["REPLAY_REQ_SUBJECT"]),
    Setting::new(
        "heartbeat-secs",
        SettingKind::Number(1..=3600),
        "60",
        "how often copies are compared where nothing is written",
    )
    .aliases(&["REPLAY_HEARTBEAT_SECS"]),
    Setting::new(
        "max-bytes",
        SettingKind::Size,
        "no bound",
        "how many bytes the cache holds; the keys written longest ago leave first",
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
        let mut options = from_settings(&settings);
        let place = url.place();
        if place.is_empty() {
            return Ok(options);
        }
        let place = place
            .strip_prefix("//")
            .ok_or_else(|| refused("is not written nats-cache://HOST/NAME"))?;
        let (login, place) = match place.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, place),
        };
        if let Some(login) = login {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            options.login = Some((user.to_owned(), Secret::from(password.to_owned())));
        }
        let (host, name) = place.split_once('/').unwrap_or((place, ""));
        if host.is_empty() {
            return Err(refused("names no host; write nats-cache://HOST/NAME"));
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
        options.server = Some(host.to_owned());
        Ok(options)
    }
}

fn from_settings(settings: &Settings) -> CacheOptions {
    let usual = CacheOptions::default();
    let text = |name| settings.text(name).map(str::to_owned);
    let secret = |name| text(name).map(Secret::from);
    CacheOptions {
        login: text("user").map(|user| {
            (
                user,
                secret("password").unwrap_or_else(|| Secret::from(String::new())),
            )
        }),
        token: secret("token"),
        has_tls: settings.boolean("tls").unwrap_or(usual.has_tls),
        tls_ca: text("tls-ca").map(Into::into),
        changes: text("subject").unwrap_or(usual.changes),
        replays: text("replay-subject").unwrap_or(usual.replays),
        heartbeat: settings
            .number("heartbeat-secs")
            .map_or(usual.heartbeat, std::time::Duration::from_secs),
        max_bytes: settings.number("max-bytes"),
        ..CacheOptions::default()
    }
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
                form: "nats-cache://[USER:PASSWORD@]HOST[:PORT][/NAME]",
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

    fn open(&self, url: &StoreUrl, _: Making) -> Opening {
        let options = self.options(url);
        let url = (self as &dyn Provider).shown(url);
        Box::pin(async move {
            let opened = CacheStore::open(options?).await;
            let store = opened.map_err(|source| OpenError::Store { url, source })?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}
