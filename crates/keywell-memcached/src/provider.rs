use std::sync::Arc;

use keywell_client::Tls;
use keywell_store::{
    Making, OpenError, Opening, Provider, Secret, Setting, SettingError, SettingKind, Settings,
    Store, StoreUrl, UrlForm,
};
use percent_encoding::percent_decode_str;

use crate::options::MemcachedOptions;
use crate::server::split;
use crate::store::MemcachedStore;

/// The provider of stores on Memcached, at `memcached://HOST:PORT`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemcachedProvider;

const TABLE: &[Setting] = &[
    Setting::new("user", SettingKind::Text, "none", "the user of Memcached"),
    Setting::new("password", SettingKind::Text, "none", "the user's password").secret(),
    Setting::new(
        "prefix",
        SettingKind::Text,
        "none",
        "what the names of keys begin with, before the bucket",
    )
    .selects_keys(),
    Setting::new(
        "tls",
        SettingKind::Boolean,
        "false",
        "whether connections are encrypted",
    ),
    Setting::new(
        "tls-ca",
        SettingKind::Path,
        "the system's",
        "the authorities to trust, a PEM file",
    ),
    Setting::new(
        "tls-ca-pem",
        SettingKind::Text,
        "none",
        "the authorities to trust, as PEM text",
    ),
    Setting::new(
        "tls-certificate",
        SettingKind::Path,
        "none",
        "our certificate chain, a PEM file",
    ),
    Setting::new(
        "tls-key",
        SettingKind::Path,
        "none",
        "the key of our certificate, a PEM file",
    ),
    Setting::new(
        "answer-timeout",
        SettingKind::Duration(100..=600_000),
        "5s",
        "how long an answer is waited for",
    ),
];

// === impl MemcachedProvider ===

impl MemcachedProvider {
    fn options(self, url: &StoreUrl) -> Result<MemcachedOptions, OpenError> {
        let provider: &dyn Provider = &self;
        let settings = provider.read_settings(url)?;
        let refused = |problem: &str| OpenError::Place {
            url: provider.shown(url),
            problem: problem.to_owned(),
        };
        let place = url
            .place()
            .strip_prefix("//")
            .ok_or_else(|| refused("is not written memcached://HOST:PORT"))?;
        let (userinfo, hosts) = match place.rsplit_once('@') {
            Some((userinfo, hosts)) => (Some(userinfo), hosts),
            None => (None, place),
        };
        let hosts = hosts.strip_suffix('/').unwrap_or(hosts);
        let servers: Vec<&str> = hosts.split(',').map(str::trim).collect();
        if !servers.iter().all(|server| split(server).is_some()) {
            return Err(refused("names no host; write memcached://HOST:PORT"));
        }
        let mut options = MemcachedOptions::new(servers);
        if let Some(prefix) = settings.text("prefix") {
            prefix.clone_into(&mut options.prefix);
        }
        let shown = |error| OpenError::Setting {
            url: provider.shown(url),
            error,
        };
        options.user = login(&settings, userinfo).map_err(shown)?;
        options.tls = tls(&settings).map_err(shown)?;
        if let Some(timeout) = settings.duration("answer-timeout") {
            options.answer_timeout = timeout;
        }
        Ok(options)
    }
}

fn login(
    settings: &Settings,
    userinfo: Option<&str>,
) -> Result<Option<(String, Secret)>, SettingError> {
    let refused = |name: &str, expected: &str| Err(SettingError::value(name, expected));
    let (user, password) = (settings.text("user"), settings.text("password"));
    let Some(userinfo) = userinfo else {
        return match (user, password) {
            (Some(user), Some(password)) => {
                Ok(Some((user.to_owned(), Secret::from(password.to_owned()))))
            }
            (None, None) => Ok(None),
            (Some(_), None) => refused("user", "given together with password"),
            (None, Some(_)) => refused("password", "given together with user"),
        };
    };
    if user.is_some() || password.is_some() {
        return refused("user", "left out where the URL has a login");
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    Ok(Some((decoded(user), Secret::from(decoded(password)))))
}

fn tls(settings: &Settings) -> Result<Option<Tls>, SettingError> {
    let path = |name: &str| settings.text(name).map(Into::into);
    let certificate = match (path("tls-certificate"), path("tls-key")) {
        (Some(chain), Some(key)) => Some((chain, key)),
        (None, None) => None,
        _ => {
            let expected = "given together with tls-key";
            return Err(SettingError::value("tls-certificate", expected));
        }
    };
    let tls = Tls {
        ca: path("tls-ca"),
        ca_pem: settings.text("tls-ca-pem").map(str::to_owned),
        certificate,
    };
    let is_set = tls != Tls::default();
    match settings.boolean("tls") {
        Some(false) if is_set => {
            let expected = "true or left out where another setting of TLS is given";
            Err(SettingError::value("tls", expected))
        }
        Some(true) => Ok(Some(tls)),
        _ => Ok(is_set.then_some(tls)),
    }
}

impl Provider for MemcachedProvider {
    fn name(&self) -> &'static str {
        "memcached"
    }

    fn summary(&self) -> &'static str {
        "in Memcached, which may forget"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["memcached"]
    }

    fn forms(&self) -> &'static [UrlForm] {
        &[UrlForm {
            form: "memcached://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...]",
            help: "a cache on a Memcached server, or on several that share its keys",
        }]
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
            let opened = MemcachedStore::open(options?).await;
            let store = opened.map_err(|source| OpenError::Store { url, source })?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}
