use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use keywell_config::{ConfigError, Plan, StorePlan};
use keywell_store::{OpenError, Provider, Store, StoreUrl, StoreUrlError};

use crate::Error;
use crate::registry::{identity, open, provider, relative_to};
use crate::status::StoreStatus;

/// The stores of a plan, each opened once.
#[derive(Default)]
pub(crate) struct Stores(BTreeMap<String, Opened>);

#[derive(Clone)]
struct Opened {
    store: Arc<dyn Store>,
    url: StoreUrl,
    identity: String,
}

// === impl Stores ===

impl Stores {
    /// Opens all of them, or none. One that is open under the same name and at the same URL is taken
    /// from there.
    pub(crate) async fn open(plan: &Plan, kept: &Self) -> Result<Self, Error> {
        // Errors in any of the URLs are reported before the first store is opened.
        let mut urls = Vec::new();
        for (name, store) in &plan.stores {
            urls.push((name, store, url(plan, name, store)?));
        }
        let mut stores = Self::default();
        for (name, store, url) in urls {
            let open_already = kept.0.get(name).filter(|opened| opened.url == url);
            if let Some(opened) = open_already {
                stores.0.insert(name.clone(), opened.clone());
                continue;
            }
            match open(&url).await {
                Ok(opened) => {
                    let opened = Opened {
                        store: opened,
                        identity: identity_in(plan, &url),
                        url,
                    };
                    stores.0.insert(name.clone(), opened);
                }
                Err(source) => {
                    drop(stores.close_but(kept).await);
                    return Err(Error::Store {
                        store: name.clone(),
                        text: located(plan, name, store, &source).to_string(),
                        source: Box::new(source),
                    });
                }
            }
        }
        Ok(stores)
    }

    /// A store by its name in the plan.
    pub(crate) fn get(&self, name: &str) -> Arc<dyn Store> {
        self.opened(name).store.clone()
    }

    /// As [`get`](Self::get), for a name that may not be one.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<dyn Store>> {
        self.0.get(name).map(|opened| &opened.store)
    }

    /// What names a store in every process.
    pub(crate) fn identity(&self, name: &str) -> String {
        self.opened(name).identity.clone()
    }

    pub(crate) fn status(&self) -> Vec<StoreStatus> {
        let stores = self.0.iter().map(|(name, opened)| StoreStatus {
            name: name.clone(),
            url: match provider(opened.url.scheme()) {
                Some(provider) => provider.shown(&opened.url),
                None => opened.url.to_string(),
            },
            is_exclusive: opened.store.is_exclusive(),
        });
        stores.collect()
    }

    fn opened(&self, name: &str) -> &Opened {
        let opened = self.0.get(name);
        opened.expect("a plan that was checked names no store that it does not have")
    }

    /// Closes all of them, also after one that fails to.
    pub(crate) async fn close(self) -> Result<(), Error> {
        self.close_but(&Self::default()).await
    }

    /// As [`close`](Self::close), but for those that are among the others.
    pub(crate) async fn close_but(self, kept: &Self) -> Result<(), Error> {
        let mut failed = Ok(());
        for (name, opened) in self.0 {
            let is_kept = |other: &Opened| Arc::ptr_eq(&other.store, &opened.store);
            if kept.0.get(&name).is_some_and(is_kept) {
                continue;
            }
            if let Err(source) = opened.store.close().await {
                failed = failed.and(Err(Error::Close {
                    store: name,
                    source,
                }));
            }
        }
        failed
    }
}

/// Names the data that a URL leads to, in every process.
fn identity_in(plan: &Plan, url: &StoreUrl) -> String {
    if plan.file.is_some() {
        return identity(url);
    }
    let here = std::env::current_dir().unwrap_or_default();
    identity(&relative_to(url.clone(), &here))
}

/// Where and why a store cannot be opened. Values of settings are not shown.
fn located(plan: &Plan, name: &str, store: &StorePlan, error: &OpenError) -> ConfigError {
    let OpenError::Setting { error, .. } = error else {
        return plan.error_at(store.url.place, format!("the store {name}: {error}"));
    };
    let url = store.url.expose().parse::<StoreUrl>().ok();
    let provider = url.and_then(|url| provider(url.scheme()));
    let is_it = |given: &str| {
        let mut table = provider.into_iter().flat_map(Provider::settings);
        given == error.name()
            || table.any(|setting| setting.name == error.name() && setting.is_called(given))
    };
    let mut settings = store.settings.iter();
    let place = settings.find_map(|(given, value)| is_it(given).then_some(value.place));
    plan.error_at(
        place.unwrap_or(store.url.place),
        format!("the store {name}: {error}"),
    )
}

fn url(plan: &Plan, name: &str, store: &StorePlan) -> Result<StoreUrl, ConfigError> {
    let wrong = |place, problem: String| plan.error_at(place, problem);
    let url = store.url.expose().parse::<StoreUrl>();
    // The URL itself may have a password in it and is not shown.
    let mut url = url.map_err(|error| {
        let problem = match error {
            StoreUrlError::NoScheme(_) => {
                "it is written SCHEME:PLACE, such as memory: or disk:data"
            }
            StoreUrlError::Twice(_) => "a setting is given twice",
            StoreUrlError::Encoding(_) => "its percent signs must stand for UTF-8",
            _ => "a setting is written NAME=VALUE",
        };
        wrong(
            store.url.place,
            format!("the URL of the store {name}: {problem}"),
        )
    })?;
    for (setting, value) in &store.settings {
        url = url.with_setting(setting, value.expose()).map_err(|_| {
            let problem = format!("the URL of the store {name} has the setting {setting}, too");
            wrong(value.place, problem)
        })?;
    }
    Ok(match plan.file.as_deref().and_then(Path::parent) {
        Some(folder) => relative_to(url, folder),
        None => url,
    })
}
