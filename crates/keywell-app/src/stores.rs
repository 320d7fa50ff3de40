use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Weak};

use futures::future::join_all;
use keywell_config::{ConfigError, Place, Plan, Problem, Report, StorePlan};
use keywell_control::Server;
use keywell_store::layer::{Layered, Metered, Meters};
use keywell_store::{OpenError, Provider, SettingError, Settings, Store, StoreUrl, StoreUrlError};

use crate::Error;
use crate::contact::Contacts;
use crate::registry::{self, identity, open, provider, relative_to};
use crate::reloaded::Differences;
use crate::status::{BucketMetering, StoreStatus};

/// The stores of a plan, each opened once.
#[derive(Default)]
pub(crate) struct Stores(BTreeMap<String, Opened>);

#[derive(Clone)]
struct Opened {
    store: Arc<dyn Store>,
    /// The store as it is used: itself, or with a meter around each bucket.
    used: Arc<dyn Store>,
    /// Where its calls are counted.
    meters: Option<Arc<Meters>>,
    url: StoreUrl,
    identity: String,
    /// By which other processes reach it.
    socket: Option<Arc<Server>>,
}

// === impl Stores ===

impl Stores {
    /// Opens all of them, or none. One that is open under the same name and at the same URL is
    /// taken from there.
    pub(crate) async fn open(plan: &Plan, kept: &Self, contacts: &Contacts) -> Result<Self, Error> {
        // Errors in any of the URLs are reported before the first store is opened.
        let mut urls = Vec::new();
        for (name, store) in &plan.stores {
            urls.push((name, store, url(plan, name, store)?));
        }
        let mut stores = Self::default();
        for (name, store, url) in urls {
            let open_already = kept.0.get(name).filter(|opened| opened.url == url);
            if let Some(opened) = open_already {
                let opened = opened.clone().metered(name, plan.is_metered);
                stores.0.insert(name.clone(), opened);
                continue;
            }
            match open(&url).await {
                Ok(store) => {
                    let opened = Opened {
                        used: store.clone(),
                        socket: contacts.of_store(&url, &store).map(Arc::new),
                        store,
                        meters: None,
                        identity: identity_in(plan, &url),
                        url,
                    };
                    let opened = opened.metered(name, plan.is_metered);
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

    /// One store, which is open already, in place of each of a plan.
    pub(crate) fn given(plan: &Plan, store: &Arc<dyn Store>) -> Result<Self, Error> {
        let mut stores = Self::default();
        for (name, planned) in &plan.stores {
            let url = url(plan, name, planned)?;
            let opened = Opened {
                store: store.clone(),
                used: store.clone(),
                meters: None,
                identity: identity_in(plan, &url),
                url,
                socket: None,
            };
            stores.0.insert(name.clone(), opened);
        }
        Ok(stores)
    }

    /// A store by its name in the plan.
    pub(crate) fn get(&self, name: &str) -> Arc<dyn Store> {
        self.opened(name).used.clone()
    }

    /// Each of them by its name, as it is used.
    pub(crate) fn used(&self) -> Vec<(String, Arc<dyn Store>)> {
        let stores = self.0.iter();
        stores
            .map(|(name, opened)| (name.clone(), opened.used.clone()))
            .collect()
    }

    /// As [`get`](Self::get), for a name that may not be one.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<dyn Store>> {
        self.0.get(name).map(|opened| &opened.used)
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

    /// Each of them by its name, unless it is closed and gone.
    pub(crate) fn handles(&self) -> Vec<(String, Weak<dyn Store>)> {
        let stores = self.0.iter();
        let stores = stores.map(|(name, opened)| (name.clone(), Arc::downgrade(&opened.store)));
        stores.collect()
    }

    /// Where calls are counted, by the names of the stores.
    pub(crate) fn meters(&self) -> BTreeMap<String, Arc<Meters>> {
        let stores = self.0.iter();
        stores
            .filter_map(|(name, opened)| Some((name.clone(), opened.meters.clone()?)))
            .collect()
    }

    /// What was counted of each bucket that is metered.
    pub(crate) fn metering(&self) -> Vec<BucketMetering> {
        let meters = self.0.values().filter_map(|opened| opened.meters.as_ref());
        let all = meters.flat_map(|meters| meters.read());
        let all = all.map(|(store, bucket, metering)| BucketMetering {
            store,
            bucket,
            metering,
        });
        all.collect()
    }

    fn opened(&self, name: &str) -> &Opened {
        let opened = self.0.get(name);
        opened.expect("a plan that was checked names no store that it does not have")
    }

    /// Closes all of them, also after one that fails to.
    pub(crate) async fn close(self) -> Result<(), Error> {
        self.close_but(&Self::default()).await
    }

    /// How the stores of another plan differ from these.
    pub(crate) fn differences(&self, new: &Self) -> Differences {
        let (old, now) = (&self.0, &new.0);
        Differences::between(old.keys(), now.keys(), |name| {
            Arc::ptr_eq(&old[name].store, &now[name].store)
        })
    }

    /// As [`close`](Self::close), but for those that are among the others.
    pub(crate) async fn close_but(self, kept: &Self) -> Result<(), Error> {
        let mut failed = Ok(());
        for (name, opened) in self.0 {
            let is_kept = |other: &Opened| Arc::ptr_eq(&other.store, &opened.store);
            if kept.0.get(&name).is_some_and(is_kept) {
                continue;
            }
            // Who opens the store next has a socket in its folder, too.
            drop(opened.socket);
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

// === impl Opened ===

impl Opened {
    /// The same store with meters, or without. Counts go on where it had meters already.
    fn metered(self, name: &str, is_metered: bool) -> Self {
        if is_metered == self.meters.is_some() {
            return self;
        }
        if !is_metered {
            return Self {
                used: self.store.clone(),
                meters: None,
                ..self
            };
        }
        let meters = Arc::new(Meters::default());
        let (counting, name) = (meters.clone(), name.to_owned());
        let layered = Layered::new(self.store.clone(), move |bucket, inner| {
            Arc::new(Metered::new(inner, counting.of(&name, bucket)))
        });
        Self {
            used: Arc::new(layered),
            meters: Some(meters),
            ..self
        }
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
    let place = setting_place(store, error).unwrap_or(store.url.place);
    plan.error_at(place, format!("the store {name}: {error}"))
}

/// Where a setting is that is wrong, if that is beside the URL.
fn setting_place(store: &StorePlan, error: &SettingError) -> Option<Place> {
    let url = store.url.expose().parse::<StoreUrl>().ok();
    let provider = url.and_then(|url| provider(url.scheme()));
    let is_it = |given: &str| {
        let mut table = provider.into_iter().flat_map(Provider::settings);
        given == error.name()
            || table.any(|setting| setting.name == error.name() && setting.is_called(given))
    };
    let mut settings = store.settings.iter();
    settings.find_map(|(given, value)| is_it(given).then_some(value.place))
}

/// Everything that is wrong with the URLs and settings of a plan's stores.
pub(crate) fn check(plan: &Plan) -> Report {
    let mut report = Report::default();
    for (name, store) in &plan.stores {
        let url = match url(plan, name, store) {
            Ok(url) => url,
            Err(error) => {
                report.extend(error.report());
                continue;
            }
        };
        let settings = provider(url.scheme()).map(Provider::settings);
        let mut is_right = true;
        // One by one, so that each that is wrong is reported.
        for setting in url.settings() {
            let Err(error) = Settings::read(settings.unwrap_or_default(), [setting]) else {
                continue;
            };
            let place = setting_place(store, &error).unwrap_or(store.url.place);
            if settings.is_some() {
                is_right = false;
                let problem = Problem::error(format!("the store {name}: {error}"));
                let names = settings.into_iter().flatten().map(|setting| setting.name);
                let problem = match &error {
                    SettingError::Unknown { name, .. } => problem.did_you_mean(name, names),
                    _ => problem,
                };
                report.push(plan.at(place, problem));
            }
        }
        let checked = registry::check(&url);
        if let Some(error) = checked.err().filter(|_| is_right) {
            report.extend(located(plan, name, store, &error).report());
        }
    }
    report
}

/// The stores of a plan that are on servers and cannot be opened. Each is opened and closed again;
/// stores on this machine are not, as opening creates them and a running application may have them.
pub(crate) async fn reach(plan: &Plan) -> Vec<Problem> {
    let stores = plan.stores.iter().map(async |(name, store)| {
        let url = url(plan, name, store).ok()?;
        if !url.place().starts_with("//") || registry::check(&url).is_err() {
            return None;
        }
        match registry::open_existing(&url).await {
            Ok(store) => {
                drop(store.close().await);
                None
            }
            Err(error) => Some(located(plan, name, store, &error)),
        }
    });
    let errors = join_all(stores).await.into_iter().flatten();
    let problems = errors.flat_map(|error| error.report().problems().to_vec());
    problems.collect()
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
    let mut report = Report::default();
    for (setting, value) in &store.settings {
        if let Ok(more) = url.clone().with_setting(setting, value.expose()) {
            url = more;
        } else {
            let problem = format!("the URL of the store {name} has the setting {setting}, too");
            report.push(plan.at(value.place, Problem::error(problem)));
        }
    }
    if report.has_errors() {
        return Err(report.into());
    }
    Ok(match plan.file.as_deref().and_then(Path::parent) {
        Some(folder) => relative_to(url, folder),
        None => url,
    })
}

#[cfg(all(test, feature = "memory"))]
mod tests {
    use keywell_store::BucketName;

    use super::*;

    fn plan(url: &str, is_metered: bool) -> Plan {
        Plan {
            stores: [("main".to_owned(), StorePlan::new(url))].into(),
            is_metered,
            ..Plan::default()
        }
    }

    async fn get(stores: &Stores) {
        let bucket = stores.get("main").open(&BucketName::default()).await;
        let bucket = bucket.expect("a store in memory opens every bucket");
        let found = bucket.get("k").await.expect("it answers every key");
        assert_eq!(found, None);
    }

    fn calls(stores: &Stores) -> Vec<u64> {
        let metering = stores.metering();
        let methods = metering.iter().flat_map(|one| &one.metering.methods);
        methods.map(|method| method.calls).collect()
    }

    #[tokio::test]
    async fn nothing_is_around_a_store_that_is_not_metered() {
        let none = Stores::default();
        let plain = Stores::open(&plan("memory:", false), &none, &Contacts::none())
            .await
            .unwrap();
        let opened = plain.opened("main");
        assert!(Arc::ptr_eq(&opened.store, &opened.used));
        get(&plain).await;
        assert!(plain.metering().is_empty());
    }

    #[tokio::test]
    async fn counts_of_a_store_that_stays_open_go_on() {
        let none = Stores::default();
        let metered = plan("memory:", true);
        let first = Stores::open(&metered, &none, &Contacts::none())
            .await
            .unwrap();
        get(&first).await;
        let again = Stores::open(&metered, &first, &Contacts::none())
            .await
            .unwrap();
        get(&again).await;
        assert_eq!(calls(&again), [2]);
        let plain = Stores::open(&plan("memory:", false), &again, &Contacts::none())
            .await
            .unwrap();
        let opened = plain.opened("main");
        assert!(Arc::ptr_eq(&opened.store, &opened.used));
        assert!(Arc::ptr_eq(&opened.store, &first.opened("main").store));
        let other = plan("memory:?max-bytes=1MiB", true);
        let other = Stores::open(&other, &again, &Contacts::none())
            .await
            .unwrap();
        assert_eq!(
            calls(&other),
            [0; 0],
            "a store of another URL is another one"
        );
    }
}
