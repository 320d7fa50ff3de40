//! Going over to another plan while the application runs.
//!
//! 1. What does not change is not touched: a trigger that has the same plan, component, bytes and
//!    stores runs on.
//! 2. Everything that can fail comes first, while the old triggers run. Only those that must end
//!    before their successors start are stopped before that, and are started again if one fails.
//! 3. Then the new triggers take over: a server goes on listening, and another application answers
//!    behind it. What came before is finished by what it came to, and only then are stores closed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use keywell_config::{Plan, TriggerPlan};
use keywell_runtime::{HttpApp, HttpEndpoint};

use super::{Handle, Started};
use crate::event::Event;
use crate::listen::Listening;
use crate::loaded::{Loaded, runtime_options};
use crate::running::{Running, Task};
use crate::spec::Spec;
use crate::status::TriggerState;
use crate::stores::Stores;
use crate::trigger::Trigger;
use crate::{Error, TriggerError};

/// What a reload does with each trigger.
struct Changes {
    /// For each trigger of the new plan, the one that runs on as it, by its number.
    kept: Vec<Option<usize>>,
    /// Those that end, by their numbers.
    going: Vec<usize>,
    /// Whether all have ended before, as one failed or they were asked to.
    is_restart: bool,
}

// === impl Handle ===

impl Handle {
    /// How long requests to an application that was replaced may take to finish.
    const GRACE: Duration = Duration::from_secs(30);

    /// Goes over to another plan, whose limits have to be those of the one that runs.
    ///
    /// - A trigger that is the same in both plans, with its component, the component's file, and the
    ///   stores, runs on untouched, and so does an open store of the same name and URL. A command
    ///   that is the same is not run again.
    /// - An address that both plans have stays open, and no connection to it is refused. Requests
    ///   that have come are answered by the old component, and those that come from then on by the
    ///   new one, also on connections that are open. Only where a trigger takes some of the addresses
    ///   of another are open connections closed, as soon as nothing runs on them.
    /// - A watch trigger that changes stops before its successor starts; one that cannot resume misses
    ///   changes between the two.
    /// - Other triggers of the old plan stop once the new ones run: what runs may finish, and
    ///   commands are ended. Then the stores that are left over are closed.
    ///
    /// It is not to be dropped before it is ready.
    ///
    /// # Errors
    ///
    /// As [`Application::load`](crate::Application::load) and
    /// [`Application::start`](crate::Application::start); [`Error::Limits`]. The old plan then runs on.
    /// A watch trigger that was stopped is started again; if that fails, too, it is the next
    /// [`Event::Failed`], and stops the others.
    pub async fn reload(&mut self, plan: Plan) -> Result<(), Error> {
        let [new, old] =
            [&plan, self.loaded.plan()].map(|plan| runtime_options(plan, &self.options));
        if new != old {
            return Err(Error::Limits);
        }
        let runtime = self.runtime.clone();
        let loaded = tokio::task::spawn_blocking(move || Loaded::load(plan, &runtime));
        let loaded = loaded.await.unwrap_or_else(|error| {
            let reason = error.to_string();
            Err(Error::Runtime(keywell_runtime::Error::Engine(reason)))
        })?;
        let stores = Stores::open(loaded.plan(), &self.stores).await?;
        let is_restart = self.running.is_stopping();
        if is_restart {
            self.end().await;
        }
        let specs = loaded.specs(&stores);
        let changes = self.changes(&specs, is_restart);
        match self.start(&loaded, &stores, &specs, &changes).await {
            Ok(started) => {
                self.loaded = loaded;
                let left = std::mem::replace(&mut self.stores, stores);
                self.go_over(specs, &changes, started).await;
                if let Err(error) = left.close_but(&self.stores).await {
                    tracing::warn!("{error}");
                }
                Ok(())
            }
            Err(error) => {
                drop(stores.close_but(&self.stores).await);
                Err(error)
            }
        }
    }

    fn changes(&self, specs: &[Spec], is_restart: bool) -> Changes {
        let mut going: Vec<usize> = (0..self.triggers.len()).collect();
        let kept = specs.iter().map(|spec| {
            let is_same = |number: &usize| !is_restart && self.triggers[*number].is(spec);
            let found = going.iter().position(is_same);
            found.map(|found| going.remove(found))
        });
        Changes {
            kept: kept.collect(),
            going,
            is_restart,
        }
    }

    /// Makes every trigger ready that is new, by its place in the plan; or none, and then what was
    /// stopped for it runs again.
    async fn start(
        &mut self,
        loaded: &Loaded,
        stores: &Stores,
        specs: &[Spec],
        changes: &Changes,
    ) -> Result<BTreeMap<usize, Trigger>, Error> {
        let grants = loaded.grants(stores)?;
        let going = changes.going.iter().map(|number| &self.triggers[*number]);
        let listening: Vec<Listening> = going.filter_map(Started::listening).collect();
        let (runtime, options) = (self.runtime.clone(), self.options.clone());
        let start =
            |index| loaded.start_one(index, &runtime, &grants, stores, &options, &listening);
        let new = (0..specs.len()).filter(|index| changes.kept[*index].is_none());
        let (last, first): (Vec<usize>, Vec<usize>) =
            new.partition(|index| specs[*index].is_exclusive());
        let mut started = BTreeMap::new();
        for index in first {
            started.extend(start(index).await?.map(|trigger| (index, trigger)));
        }
        if last.is_empty() {
            return Ok(started);
        }
        let going = changes.going.iter().copied();
        let stopped = going.filter(|number| self.triggers[*number].spec.is_exclusive());
        let stopped: Vec<usize> = stopped.collect();
        self.stop_some(&stopped).await;
        for index in last {
            match start(index).await {
                Ok(trigger) => started.extend(trigger.map(|trigger| (index, trigger))),
                Err(error) => {
                    drop(started);
                    self.start_again(&stopped).await;
                    return Err(error);
                }
            }
        }
        Ok(started)
    }

    /// Stops some triggers, and waits until they have ended.
    async fn stop_some(&self, numbers: &[usize]) {
        let tasks = numbers.iter().map(|number| &self.triggers[*number].task);
        tasks.clone().for_each(Task::ask_to_stop);
        join_all(tasks.map(Task::ended)).await;
    }

    /// Starts triggers of the plan that ran.
    async fn start_again(&mut self, numbers: &[usize]) {
        if self.running.is_stopping() {
            return;
        }
        for number in numbers {
            if let Err(error) = self.start_one_again(*number).await {
                let component = self.triggers[*number].component().to_owned();
                tracing::error!(component, "{error}");
                if let Error::Start { source, .. } = error {
                    let problem = TriggerError::Restart(source);
                    self.events.push_back(Event::Failed { component, problem });
                }
                self.running.ask_to_stop();
            }
        }
    }

    async fn start_one_again(&mut self, number: usize) -> Result<(), Error> {
        let index = self.triggers[number].index;
        let (loaded, runtime, stores) = (&self.loaded, &self.runtime, &self.stores);
        let grants = loaded.grants(stores)?;
        let trigger = loaded.start_one(index, runtime, &grants, stores, &self.options, &[]);
        if let Some(trigger) = trigger.await? {
            let spec = loaded.specs(stores).swap_remove(index);
            self.triggers[number] = Started::run(&mut self.running, index, spec, trigger);
        }
        Ok(())
    }

    /// Runs the new triggers, ends those that go, and waits until nothing of these is under way.
    async fn go_over(
        &mut self,
        specs: Vec<Spec>,
        changes: &Changes,
        mut started: BTreeMap<usize, Trigger>,
    ) {
        if changes.is_restart {
            self.running = Running::default();
        }
        let mut old: Vec<Option<Started>> = self.triggers.drain(..).map(Some).collect();
        let mut kept: Vec<Option<Started>> = changes
            .kept
            .iter()
            .map(|number| number.and_then(|number| old[number].take()))
            .collect();
        let mut replaced = Vec::new();
        for (index, spec) in specs.into_iter().enumerate() {
            if let Some(kept) = kept[index].take() {
                self.triggers.push(Started {
                    index,
                    spec,
                    ..kept
                });
                continue;
            }
            let Some(trigger) = started.remove(&index) else {
                // It is left out.
                continue;
            };
            let mut servers = old.iter_mut();
            let servers = servers.find(|old| matches!(old, Some(old) if old.serves(&trigger)));
            let next = match servers.and_then(Option::take) {
                Some(servers) => {
                    replaced.extend(servers.counting.app().map(HttpApp::ended));
                    self.running.rename(&servers.task, spec.trigger.component());
                    servers.answer_with(index, spec, &trigger)
                }
                None => Started::run(&mut self.running, index, spec, trigger),
            };
            self.triggers.push(next);
        }
        let gone: Vec<Task> = old.into_iter().flatten().map(|gone| gone.task).collect();
        gone.iter().for_each(Task::ask_to_stop);
        join_all(gone.iter().map(Task::ended)).await;
        let replaced = join_all(replaced);
        if tokio::time::timeout(Self::GRACE, replaced).await.is_err() {
            tracing::warn!("requests to a component that was replaced did not finish in time");
        }
    }
}

// === impl Started ===

impl Started {
    /// Whether it runs and is made of the same, or is a command that has run.
    fn is(&self, spec: &Spec) -> bool {
        let runs = match (self.task.state(), &self.spec.trigger) {
            (TriggerState::Running, _) | (TriggerState::Ended, TriggerPlan::Command(_)) => true,
            (TriggerState::Ended | TriggerState::Failed(_), _) => false,
        };
        runs && self.spec.is_same_as(spec)
    }

    fn listening(&self) -> Option<Listening> {
        match &self.spec.trigger {
            TriggerPlan::Http(http) => Some(Listening {
                address: http.addr.clone(),
                endpoints: self.endpoints.clone(),
            }),
            TriggerPlan::Watch(_) | TriggerPlan::Command(_) => None,
        }
    }

    /// Whether its servers listen where those of another trigger are to.
    fn serves(&self, other: &Trigger) -> bool {
        let addrs = |endpoints: &[HttpEndpoint]| -> BTreeSet<SocketAddr> {
            endpoints.iter().map(HttpEndpoint::addr).collect()
        };
        let own = addrs(&self.endpoints);
        !own.is_empty() && own == addrs(&other.endpoints())
    }

    /// Lets the application of another trigger answer behind its servers.
    fn answer_with(self, index: usize, spec: Spec, trigger: &Trigger) -> Self {
        let counting = trigger.counting();
        if let Some(app) = counting.app() {
            for endpoint in &self.endpoints {
                endpoint.answer_with(app.clone());
            }
        }
        Self {
            source: trigger.source(),
            index,
            spec,
            counting,
            ..self
        }
    }
}
