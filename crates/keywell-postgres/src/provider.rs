use std::sync::Arc;

use keywell_store::{
    Making, OpenError, Opening, Provider, Setting, SettingError, Store, StoreUrl, UrlForm,
};

use crate::table::TABLE;
use crate::{Options, PostgresStore};

/// The provider of stores in PostgreSQL, at `postgres://HOST`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresProvider;

// === impl PostgresProvider ===

impl PostgresProvider {
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

impl Provider for PostgresProvider {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn summary(&self) -> &'static str {
        "in a database of PostgreSQL 13 or later"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &Options::SCHEMES
    }

    fn forms(&self) -> &'static [UrlForm] {
        &[UrlForm {
            form: "postgres://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]...][/DATABASE]",
            help: "a database of a server, or of the primary among these servers; a HOST such as \
                   %2Frun%2Fpostgresql is the folder of a Unix socket",
        }]
    }

    fn settings(&self) -> &'static [Setting] {
        TABLE
    }

    fn check(&self, url: &StoreUrl) -> Result<(), OpenError> {
        self.options(url).map(drop)
    }

    fn open(&self, url: &StoreUrl, making: Making) -> Opening {
        let options = self.options(url);
        let url = self.shown(url);
        Box::pin(async move {
            let options = match making {
                Making::Allowed => options?,
                Making::Refused => options?.existing(),
            };
            let connected = PostgresStore::connect(&options).await;
            let store = connected.map_err(|error| OpenError::Store {
                url,
                source: error.into(),
            })?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}
