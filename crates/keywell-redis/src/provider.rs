use std::sync::Arc;

use keywell_store::{
    Making, OpenError, Opening, Provider, Setting, SettingError, Store, StoreUrl, UrlForm,
};

use crate::options::TABLE;
use crate::{Options, RedisStore};

/// The provider of stores on Redis and Valkey, at `redis://HOST` and its other schemes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedisProvider;

// === impl RedisProvider ===

impl RedisProvider {
    fn options(self, url: &StoreUrl) -> Result<Options, OpenError> {
        Options::from_store_url(url).map_err(|error| {
            let url = self.shown(url);
            match error {
                SettingError::Value { name, expected } if name == "url" => {
                    let problem = format!("has an invalid URL; it must be {expected}");
                    OpenError::Place { url, problem }
                }
                error => OpenError::Setting { url, error },
            }
        })
    }
}

impl Provider for RedisProvider {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn summary(&self) -> &'static str {
        "in Redis 6.2 or later, or Valkey: one server, a primary behind sentinels, or a cluster"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &Options::SCHEMES
    }

    fn forms(&self) -> &'static [UrlForm] {
        const FORMS: &[UrlForm] = &[
            UrlForm {
                form: "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]",
                help: "one server",
            },
            UrlForm {
                form: "redis+unix://[USER:PASSWORD@]/PATH[?db=DATABASE]",
                help: "one server, by its socket",
            },
            UrlForm {
                form: "redis+sentinel://[USER:PASSWORD@]HOST,HOST/SERVICE[/DATABASE]",
                help: "the primary that these sentinels name",
            },
            UrlForm {
                form: "redis+cluster://[USER:PASSWORD@]HOST,HOST",
                help: "a cluster, some of whose nodes these are",
            },
        ];
        FORMS
    }

    fn settings(&self) -> &'static [Setting] {
        TABLE
    }

    fn check(&self, url: &StoreUrl) -> Result<(), OpenError> {
        self.options(url).map(drop)
    }

    fn open(&self, url: &StoreUrl, _: Making) -> Opening {
        let options = self.options(url);
        let url = self.shown(url);
        Box::pin(async move {
            let connected = RedisStore::connect(&options?).await;
            let store = connected.map_err(|error| OpenError::Store {
                url,
                source: error.into(),
            })?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}
