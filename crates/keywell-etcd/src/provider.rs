use std::sync::Arc;

use keywell_client::settings;
use keywell_store::{
    Making, OpenError, Opening, Provider, Setting, SettingKind, Store, StoreUrl, UrlForm,
};
use percent_encoding::percent_decode_str;

use crate::options::EtcdOptions;
use crate::store::EtcdStore;

/// The provider of stores on etcd, at `etcd://HOST:PORT/PREFIX`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EtcdProvider;

/// The longest prefix, in bytes. It is a part of the name of each key.
const PREFIX_BYTES: usize = 1 << 10;

const TABLE: &[Setting] = &[
    Setting::new("user", SettingKind::Text, "none", "the user of etcd"),
    settings::PASSWORD,
    settings::TLS,
    settings::TLS_CA,
    settings::TLS_CA_PEM,
    settings::TLS_CERTIFICATE,
    settings::TLS_KEY,
    settings::ANSWER_TIMEOUT,
];

// === impl EtcdProvider ===

impl EtcdProvider {
    fn options(self, url: &StoreUrl) -> Result<EtcdOptions, OpenError> {
        let provider: &dyn Provider = &self;
        let given = provider.read_settings(url)?;
        let refused = |problem: &str| OpenError::Place {
            url: provider.shown(url),
            problem: problem.to_owned(),
        };
        let place = url
            .place()
            .strip_prefix("//")
            .ok_or_else(|| refused("is not written etcd://HOST:PORT/PREFIX"))?;
        let (userinfo, place) = match place.rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, place),
        };
        let (hosts, prefix) = place.split_once('/').unwrap_or((place, ""));
        let endpoints: Vec<&str> = hosts.split(',').map(str::trim).collect();
        let is_host = |host: &&str| {
            let authority = host.parse::<http::uri::Authority>();
            authority.is_ok_and(|authority| !authority.host().is_empty())
        };
        if !endpoints.iter().all(is_host) {
            return Err(refused("names no host; write etcd://HOST:PORT/PREFIX"));
        }
        let mut options = EtcdOptions::new(endpoints);
        let prefix = percent_decode_str(prefix).decode_utf8();
        let prefix = prefix.map_err(|_| refused("has a prefix that is not UTF-8"))?;
        let prefix = prefix.strip_suffix('/').unwrap_or(&prefix);
        if prefix.len() > PREFIX_BYTES {
            return Err(refused("has a prefix of more than 1024 bytes"));
        }
        if !prefix.is_empty() {
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

impl Provider for EtcdProvider {
    fn name(&self) -> &'static str {
        "etcd"
    }

    fn summary(&self) -> &'static str {
        "in etcd, under a prefix of its keys"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["etcd"]
    }

    fn forms(&self) -> &'static [UrlForm] {
        &[UrlForm {
            form: "etcd://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...][/PREFIX]",
            help: "the keys of etcd that begin with PREFIX/, which is `keywell` unless given",
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
            let opened = EtcdStore::open(options?).await;
            let store = opened.map_err(|source| OpenError::Store { url, source })?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}
