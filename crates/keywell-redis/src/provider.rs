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

    fn open(&self, url: &StoreUrl, _: Making) -> Opening {
        let options = Options::from_store_url(url);
        let url = self.shown(url);
        Box::pin(async move {
            let options = match options {
                Ok(options) => options,
                Err(SettingError::Value { name, expected }) if name == "url" => {
                    let problem = format!("has an invalid URL; it must be {expected}");
                    return Err(OpenError::Place { url, problem });
                }
                Err(error) => return Err(OpenError::Setting { url, error }),
            };
            let connected = RedisStore::connect(&options).await;
            let store = connected.map_err(|error| OpenError::Store {
                url,
                source: error.into(),
            })?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}
