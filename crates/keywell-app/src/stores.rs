use std::collections::BTreeMap;
use std::sync::Arc;

use keywell::{OpenError, StoreUrl};
use keywell_config::{ConfigError, Plan, StorePlan};
use keywell_store::Store;

use crate::cli::failed::Failed;
use crate::cli::store::identity;

/// The stores of a plan, each opened once.
pub(super) struct Stores(BTreeMap<String, Opened>);

struct Opened {
    store: Arc<dyn Store>,
    identity: String,
}

// === impl Stores ===

impl Stores {
    /// Opens all of them, or none.
    pub(super) async fn open(plan: &Plan) -> Result<Self, Failed> {
        // Errors in any of the URLs are reported before the first store is opened.
        let mut urls = Vec::new();
        for (name, store) in &plan.stores {
            urls.push((name, store, url(plan, name, store)?));
        }
        let mut stores = Self(BTreeMap::new());
        for (name, store, url) in urls {
            match keywell::open(&url).await {
                Ok(opened) => {
                    let opened = Opened {
                        store: opened,
                        identity: identity(&url),
                    };
                    stores.0.insert(name.clone(), opened);
                }
                Err(error) => {
                    drop(stores.close().await);
                    let located = located(plan, name, store, &error);
                    return Err(match error {
                        OpenError::Store { .. } => Failed::Failure(located.to_string()),
                        _ => located.into(),
                    });
                }
            }
        }
        Ok(stores)
    }

    /// A store by its name in the plan.
    pub(super) fn get(&self, name: &str) -> Arc<dyn Store> {
        self.opened(name).store.clone()
    }

    /// What names a store in every process.
    pub(super) fn identity(&self, name: &str) -> String {
        self.opened(name).identity.clone()
    }

    fn opened(&self, name: &str) -> &Opened {
        let opened = self.0.get(name);
        opened.expect("a plan names no store that it does not have")
    }

    /// Closes all of them, also after one that fails to.
    pub(super) async fn close(self) -> Result<(), Failed> {
        let mut failed = Ok(());
        for (name, opened) in self.0 {
            if let Err(error) = opened.store.close().await {
                let problem = format!("cannot close the store {name}");
                failed = failed.and(Err(Failed::because(&problem, error)));
            }
        }
        failed
    }
}

/// Where and why a store cannot be opened. Values of settings are not shown.
fn located(plan: &Plan, name: &str, store: &StorePlan, error: &OpenError) -> ConfigError {
    let OpenError::Setting { error, .. } = error else {
        return plan.error_at(store.url.place, format!("the store {name}: {error}"));
    };
    let provider = store.url.expose().parse::<StoreUrl>().ok();
    let provider = provider.and_then(|url| keywell::provider(url.scheme()));
    let is_it = |given: &str| {
        let mut table = provider
            .into_iter()
            .flat_map(keywell_store::Provider::settings);
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

fn url(plan: &Plan, name: &str, store: &StorePlan) -> Result<StoreUrl, Failed> {
    let wrong = |place, problem: String| Failed::from(plan.error_at(place, problem));
    let url = store.url.expose().parse::<StoreUrl>();
    // The URL itself may have a password in it and is not shown.
    let mut url = url.map_err(|error| {
        let problem = match error {
            keywell::StoreUrlError::NoScheme(_) => {
                "it is written SCHEME:PLACE, such as memory: or disk:data"
            }
            keywell::StoreUrlError::Twice(_) => "a setting is given twice",
            keywell::StoreUrlError::Encoding(_) => "its percent signs must stand for UTF-8",
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
    Ok(match plan.file.parent() {
        Some(folder) => keywell::relative_to(url, folder),
        None => url,
    })
}
