//! What other processes learn of an application while its handle is busy, as during a reload.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures::future::join_all;
use keywell_config::{LinkPlan, Plan};
use keywell_control::{
    ComponentReport, LinkReport, Process, Report, SourceReport, StateReport, StoreReport,
    TriggerReport,
};
use keywell_store::layer::Meters;
use keywell_store::{BoxFuture, Store};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::counted;
use crate::running::Task;
use crate::status::{Status, TriggerCounts, TriggerSource, TriggerState, TriggerStatus};
use crate::stop::Stopper;
use crate::trigger::Counting;

/// What is seen of an application from outside.
pub(crate) struct Observer {
    began: Instant,
    /// None before it has started, and after it has stopped.
    seen: watch::Sender<Option<Seen>>,
}

/// An application that is seen until this is dropped: what is seen keeps components in memory.
pub(crate) struct Observed(Arc<Observer>);

/// What there is to be seen. It keeps no store open.
pub(crate) struct Seen {
    pub(crate) file: Option<PathBuf>,
    pub(crate) status: Status,
    pub(crate) components: Vec<ComponentReport>,
    /// As many as the status has, in its order.
    pub(crate) triggers: Vec<(Task, Counting)>,
    pub(crate) stores: Vec<(String, Weak<dyn Store>)>,
    /// The counters of stores whose calls are counted, by the stores' names.
    pub(crate) meters: BTreeMap<String, Arc<Meters>>,
    pub(crate) stopper: Stopper,
}

/// How long a store may take to answer whether it is well.
const PATIENCE: Duration = Duration::from_secs(1);

// === impl Observer ===

impl Default for Observer {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            seen: watch::Sender::new(None),
        }
    }
}

impl Process for Observer {
    fn report(&self) -> Report {
        let report = Report {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: self.began.elapsed().as_secs(),
            ..Report::default()
        };
        match &*self.seen.borrow() {
            Some(seen) => seen.report(report),
            None => report,
        }
    }

    fn unready(&self) -> BoxFuture<Vec<String>> {
        let (mut unready, stores) = match &*self.seen.borrow() {
            Some(seen) => (seen.unready(), seen.stores.clone()),
            None => (vec!["the application is starting".to_owned()], Vec::new()),
        };
        Box::pin(async move {
            let answers = stores.into_iter().map(async |(name, store)| {
                // Why it does not answer may have its address; the log has it.
                let answer = timeout(PATIENCE, store.upgrade()?.health()).await;
                (!matches!(answer, Ok(Ok(())))).then(|| format!("the store {name} does not answer"))
            });
            unready.extend(join_all(answers).await.into_iter().flatten());
            unready
        })
    }
}

// === impl Observed ===

impl Observed {
    pub(crate) fn by(observer: Arc<Observer>) -> Self {
        Self(observer)
    }

    /// Answers what is seen now from here on.
    pub(crate) fn show(&self, seen: Seen) {
        self.0.seen.send_replace(Some(seen));
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.0.seen.send_replace(None);
    }
}

// === impl Seen ===

impl Seen {
    fn report(&self, report: Report) -> Report {
        let stores = self.status.stores.iter().map(|store| StoreReport {
            name: store.name.clone(),
            url: store.url.clone(),
            exclusive: store.is_exclusive,
            calls: self
                .meters
                .get(&store.name)
                .map(|meters| counted::calls(meters))
                .unwrap_or_default(),
        });
        let triggers = self.triggers().map(|(trigger, task, counting)| {
            let state = match task.state() {
                TriggerState::Running => StateReport::Running,
                TriggerState::Ended => StateReport::Ended,
                TriggerState::Failed(reason) => StateReport::Failed(reason),
            };
            TriggerReport {
                component: trigger.component.clone(),
                source: source(&trigger.source),
                state,
                counters: counters(counting.counts()),
            }
        });
        let health = self.status.health.iter().map(ToString::to_string);
        Report {
            file: self.file.clone(),
            health: health.collect(),
            stores: stores.collect(),
            components: self.components.clone(),
            triggers: triggers.collect(),
            ..report
        }
    }

    /// What is not ready besides stores.
    fn unready(&self) -> Vec<String> {
        let stopping = self.stopper.has_asked();
        let stopping = stopping.then(|| "the application is stopping".to_owned());
        let triggers = self.triggers().filter_map(|(trigger, task, _)| {
            let name = &trigger.component;
            match (task.state(), &trigger.source) {
                (TriggerState::Running, _) | (TriggerState::Ended, TriggerSource::Command) => None,
                (TriggerState::Ended, _) => Some(format!("a trigger of {name} has ended")),
                (TriggerState::Failed(_), _) => Some(format!("a trigger of {name} failed")),
            }
        });
        stopping.into_iter().chain(triggers).collect()
    }

    fn triggers(&self) -> impl Iterator<Item = (&TriggerStatus, &Task, &Counting)> {
        let triggers = self.status.triggers.iter().zip(&self.triggers);
        triggers.map(|(trigger, (task, counting))| (trigger, task, counting))
    }
}

/// The components of a plan, and what they reach.
pub(crate) fn components(plan: &Plan) -> Vec<ComponentReport> {
    let link = |name: Option<&String>, link: &LinkPlan| {
        let mut stores: Vec<String> = link.stores().cloned().collect();
        stores.sort_unstable();
        stores.dedup();
        let name = name.cloned();
        (name.is_some() || !stores.is_empty()).then_some(LinkReport { name, stores })
    };
    let components = plan.components.iter().map(|(name, component)| {
        let named = component.links.iter();
        let named = named.filter_map(|(name, plan)| link(Some(name), plan));
        ComponentReport {
            name: name.clone(),
            code: component.code.to_string(),
            links: link(None, &component.link)
                .into_iter()
                .chain(named)
                .collect(),
        }
    });
    components.collect()
}

fn source(source: &TriggerSource) -> SourceReport {
    match source {
        TriggerSource::Http {
            addrs,
            path,
            host,
            is_encrypted,
        } => SourceReport::Http {
            addresses: addrs.iter().map(ToString::to_string).collect(),
            path: path.clone(),
            host: host.clone(),
            is_encrypted: *is_encrypted,
        },
        TriggerSource::Watch {
            name,
            subscriptions,
            bucket,
            store,
        } => SourceReport::Watch {
            name: name.clone(),
            changes: subscriptions.to_string(),
            bucket: bucket.to_string(),
            store: store.clone(),
        },
        TriggerSource::Command => SourceReport::Command,
        TriggerSource::Invoke {
            addrs,
            path,
            host,
            is_encrypted,
        } => SourceReport::Invoke {
            addresses: addrs.iter().map(ToString::to_string).collect(),
            path: path.clone(),
            host: host.clone(),
            is_encrypted: *is_encrypted,
        },
    }
}

fn counters(counts: TriggerCounts) -> BTreeMap<String, u64> {
    let counters: &[(&str, u64)] = match counts {
        TriggerCounts::Http { requests } => &[("requests", requests)],
        TriggerCounts::Watch(counts) => &[
            ("delivered", counts.delivered),
            ("retried", counts.retried),
            ("dead", counts.dead),
            ("gaps", counts.gaps),
            ("coalesced", counts.coalesced),
        ],
        TriggerCounts::Command => &[],
        TriggerCounts::Invoke { calls } => &[("calls", calls)],
    };
    let counters = counters.iter();
    counters
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}
