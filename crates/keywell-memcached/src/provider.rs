use std::sync::Arc;

use keywell_client::settings;
use keywell_store::{
    Making, OpenError, Opening, Provider, Setting, SettingKind, Store, StoreUrl, UrlForm,
};

use crate::options::MemcachedOptions;
use crate::server::split;
use crate::store::MemcachedStore;

/// The provider of stores on Memcached, at `memcached://HOST:PORT`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemcachedProvider;

const TABLE: &[Setting] = &[
    Setting::new("user", SettingKind::Text, "none", "the user of Memcached"),
    settings::PASSWORD,
    Setting::new(
        "prefix",
        SettingKind::Text,
        "none",
        "what the names of keys begin with, before the bucket",
    )
    .selects_keys(),
    settings::TLS,
    settings::TLS_CA,
    settings::TLS_CA_PEM,
    settings::TLS_CERTIFICATE,
    settings::TLS_KEY,
    settings::ANSWER_TIMEOUT,
];

// === impl MemcachedProvider ===

impl MemcachedProvider {
    fn options(self, url: &StoreUrl) -> Result<MemcachedOptions, OpenError> {
        let provider: &dyn Provider = &self;
        let given = provider.read_settings(url)?;
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
        if let Some(prefix) = given.text("prefix") {
            prefix.clone_into(&mut options.prefix);
        }
        let shown = |error| OpenError::Setting {
            url: provider.shown(url),
            error,
        };
        options.user = settings::login(&given, userinfo).map_err(shown)?;
        options.tls = settings::tls(&given).map_err(shown)?;
        if let Some(timeout) = given.duration("answer-timeout") {
            options.answer_timeout = timeout;
        }
        Ok(options)
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
