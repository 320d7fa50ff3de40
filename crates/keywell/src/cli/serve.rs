use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use keywell_app::{Application, Status, TriggerKind, TriggerSource};
use keywell_config::units::duration;
use keywell_config::{
    Draft, HttpPlan, ListenAddress, Located, Plan, Problem, Report, TriggerPlan, WatchPlan,
};
use keywell_runtime::watch::Subscriptions;
use keywell_store::BucketName;
use keywell_system::signal::Hangups;

use super::application::{attend, lines};
use super::component::ComponentArguments;
use super::config_set::NamedSet;
use super::health::HealthArguments;
use super::number::whole;
use super::reloading::{Plans, Renewals};
use super::store::{self, GivenUrl, StoreArguments};
use super::usage::Unshown;
use super::written::Written;
use super::{files, health, output, signal};
use crate::cli::failed::{Ended, Failed};

/// Serve HTTP with a component, call it when keys change, or both.
///
/// HTTP is 1.1, and 2 by prior knowledge. Every bucket name that the component opens is a bucket in
/// the one store. SIGINT or SIGTERM lets running requests and deliveries finish. SIGHUP reads the
/// component again and goes over to it without dropping a request.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  keywell serve counter.wasm --store disk:visits\n  \
                  curl http://127.0.0.1:8080/hello\n  \
                  keywell serve ghcr.io/acme/counter:1.0 --store disk:visits\n  \
                  keywell serve http_watcher.wasm --watch 'SET@order:*,DEL@order:*' \\\n    \
                  --allow-http localhost:3001 --store 'redis://127.0.0.1?layout=flat'"
)]
pub(super) struct Serve {
    // In the order of the help: what it is on, then what bounds it.
    #[command(flatten)]
    store: StoreArguments,

    /// Where to listen; port 0 takes a free one. A name, as in localhost:8080, stands for all its
    /// addresses. A component that only watches listens nowhere.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    addr: ListenAddress,

    /// Call the component when keys change: SET@KEY when one is set, DEL@KEY when one is gone,
    /// several separated by commas; may be repeated. In a key, * stands for any characters and ?
    /// for one; behind =, as in SET@=a*b, a key is literal.
    #[arg(long, value_name = "CHANGES")]
    watch: Vec<Subscriptions>,

    /// The bucket whose keys are watched.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "default",
        requires = "watch"
    )]
    watch_bucket: BucketName,

    /// What this watcher is called: by it, it finds its place after a restart, also where --watch
    /// is another one then, and shares the events with other processes, which are to watch the same
    /// changes. Without it, all that watch the same changes of the same bucket with a component of
    /// the same file name share them.
    #[arg(long, value_name = "NAME", requires = "watch")]
    watch_name: Option<String>,

    /// Another store for what the watcher keeps of its own, its position and dead letters, where it
    /// may not write to the one that it watches.
    #[arg(long, value_name = "URL", requires = "watch", value_parser = Unshown::new(store::url))]
    positions: Option<GivenUrl>,

    #[command(flatten)]
    component: ComponentArguments,

    /// Let an instance answer up to N requests, one after the other. What the component keeps in
    /// its memory is then seen by later requests.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = whole::<u32>(1..=i128::from(u32::MAX - 1)))]
    reuse: u32,

    /// Let an instance answer up to N requests at once, if the component is for WASI 0.3.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = whole::<u32>(1..=1000))]
    concurrency: u32,

    /// How many connections clients may have open. Past it, or where the process may not open so
    /// many files, the one that was idle for longest is closed.
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = whole::<u32>(1..=1_000_000))]
    connections: u32,

    /// How long a response may wait for a client that does not read it: 500ms, 30s, 5m.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    write_timeout: Duration,

    #[command(flatten)]
    health: HealthArguments,
}

// === impl Serve ===

impl Serve {
    /// The store of the plan that keeps positions, where that is another one.
    const POSITIONS: &str = "positions";

    pub(super) async fn main(self) -> Ended {
        // Before all else, so that no signal is missed that comes once the address is printed.
        let mut stop = pin!(signal::stop()?);
        let hangups = signal::hangups()?;
        files::raise_limit();
        let written = self.component.written()?;
        let sets = self.component.config_sets()?;
        let watches = self.watches(&sets)?;
        let plan = self.plan(&written, &sets, &watches);
        let load = self.component.load(plan.clone());
        let Some(mut application) = signal::unless(stop.as_mut(), load).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let opened = async { application.open().await.map_err(Failed::of_one) };
        if signal::unless(stop.as_mut(), opened).await?.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
        if !watches.is_empty() {
            self.warn_if_nothing_calls(&written.name(), &application);
        }
        let started = application.start_unless(stop.as_mut()).await;
        let Some(handle) = started.map_err(Failed::of_one)? else {
            return Ok(ExitCode::SUCCESS);
        };
        for line in self.lines(&handle.status()) {
            output::say(&line);
        }
        let again = PlanAgain {
            component: self.component.clone(),
            plan,
            hangups,
        };
        let renewals = Renewals::of(again, handle.examiner(), written.name(), false);
        let store = |_: &str| self.store.store.to_string();
        let ended = attend(handle, stop, renewals, store).await;
        Ok(if ended.map_err(Failed::of_one)? {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// The changes to watch: those of `--watch`, and those of the last configuration set that has
    /// some.
    fn watches(&self, sets: &[NamedSet]) -> Result<Vec<Subscriptions>, Failed> {
        let mut watches = self.watch.clone();
        let mut sets = sets.iter().rev();
        if let Some((set, on)) = sets.find_map(|set| Some((set, set.get("watch")?))) {
            let name = &set.name;
            let on = Subscriptions::parse(on).map_err(|error| {
                Failed::Usage(format!("watch in the configuration set {name:?}: {error}"))
            })?;
            if set.get("url").is_some_and(|url| !self.store.store.is(url)) {
                tracing::warn!(
                    "the url of the configuration set {name:?} is not used: its watch is on the store \
                     of --store"
                );
            }
            watches.push(on);
        }
        Ok(watches)
    }

    fn plan(&self, written: &Written, sets: &[NamedSet], watches: &[Subscriptions]) -> Plan {
        let mut plan = self.component.plan(written, &self.store.store, sets);
        self.health.set(&mut plan);
        plan.limits.connections = Some(self.connections);
        plan.limits.write_timeout = Some(self.write_timeout);
        plan.triggers.push(TriggerPlan::Http(HttpPlan {
            reuse: self.reuse,
            concurrency: self.concurrency,
            // Without anything to watch, that it answers no HTTP is the error to report.
            is_optional: !watches.is_empty(),
            ..HttpPlan::new(written.name(), self.addr.clone())
        }));
        if watches.is_empty() {
            return plan;
        }
        let other = self.positions.as_ref();
        let positions = other.filter(|url| ***url != *self.store.store);
        if let Some(url) = positions {
            plan.stores.insert(Self::POSITIONS.to_owned(), url.plan());
        }
        let on = watches.iter();
        plan.triggers.push(TriggerPlan::Watch(Box::new(WatchPlan {
            name: self.watch_name.clone().map(Located::from),
            bucket: self.watch_bucket.as_str().to_owned().into(),
            on: on.map(|on| on.to_string().into()).collect(),
            positions: positions.map(|_| Self::POSITIONS.to_owned()),
            ..WatchPlan::new(written.name(), ComponentArguments::STORE, "")
        })));
        plan
    }

    /// Warns where the component, which watches changes, is called for these alone, and no other
    /// component can make any.
    fn warn_if_nothing_calls(&self, component: &str, application: &Application) {
        let answers_http = application.can_be_called(component, TriggerKind::Http);
        let store = application.store(ComponentArguments::STORE);
        let store_is_ours = store.is_some_and(|store| store.is_exclusive());
        if store_is_ours && !answers_http {
            tracing::warn!(
                "no other component can change keys of {}, and only their changes call this one: \
                 give it a store that is a server, or run it with others by `keywell up`",
                self.store.store
            );
        }
    }

    /// What is printed of the triggers that run.
    fn lines(&self, status: &Status) -> Vec<String> {
        let store = &self.store.store;
        let mut sources = status.triggers.iter().map(|trigger| &trigger.source);
        let answers_http = sources.any(|source| matches!(source, TriggerSource::Http { .. }));
        let triggers = status.triggers.iter().flat_map(|trigger| {
            let more = match trigger.source {
                TriggerSource::Http { .. } => format!(" with {store}"),
                TriggerSource::Watch { .. } if answers_http => String::new(),
                TriggerSource::Watch { .. } => ", and listens nowhere".to_owned(),
                TriggerSource::Command | TriggerSource::Invoke { .. } => String::new(),
            };
            let lines = lines(trigger, |_| store.to_string()).into_iter();
            lines.map(move |line| format!("{line}{more}"))
        });
        triggers.chain(health::lines(status)).collect()
    }
}

/// The same plan, whose component is read again, whenever it is asked to.
struct PlanAgain {
    component: ComponentArguments,
    plan: Plan,
    hangups: Hangups,
}

// === impl PlanAgain ===

impl Plans for PlanAgain {
    async fn next(&mut self) -> Draft {
        self.hangups.recv().await;
        let (mut plan, mut report) = (self.plan.clone(), Report::default());
        if let Err(failed) = self.component.pull(&mut plan).await {
            report.push(Problem::error(failed.to_string()));
        }
        Draft { plan, report }
    }
}
