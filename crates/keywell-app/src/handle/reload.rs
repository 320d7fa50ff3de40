//! Going over to another plan while the application runs.
//!
//! 1. What does not change is not touched: a trigger that has the same plan, component, bytes and
//!    stores runs on.
//! 2. Everything that can fail comes first, while the old triggers run. Only those that must end
//!    before their successors start are stopped before that, and are started again if one fails.
//! 3. Then the new triggers take over: an address stays open, and its routes change. What came
//!    before is finished by what it came to, and only then are stores closed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use futures::future::join_all;
use keywell_config::{Plan, TriggerPlan};
use keywell_runtime::{HttpEndpoint, HttpTls};

use super::{Handle, Started};
use crate::application::Application;
use crate::event::Event;
use crate::listen::Listening;
use crate::loaded::{Loaded, runtime_options};
use crate::reloaded::Reloaded;
use crate::running::{Running, Task};
use crate::spec::Spec;
use crate::status::TriggerState;
use crate::stores::Stores;
use crate::trigger::{Trigger, load_tls};
use crate::{Error, TriggerError};

/// What a reload does with each trigger.
struct Changes {
    /// For each trigger of the new plan, the one that runs on as it, by its number.
    kept: Vec<Option<usize>>,
    /// Those that end, or whose servers another answers behind, by their numbers.
    going: Vec<usize>,
    /// Whether all have ended before, as one failed or they were asked to.
    is_restart: bool,
}

// === impl Handle ===

impl Handle {
    /// Goes over to another plan, whose limits have to be those of the one that runs.
    ///
    /// - A trigger that is the same in both plans, with its component, the component's file, and
    ///   the stores, runs on untouched, and so does an open store of the same name and URL. A
    ///   command that is the same is not run again.
    /// - An address that both plans have stays open, and no connection to it is refused. Requests
    ///   that have come are answered by the old component, and those that come from then on by the
    ///   new one, also on connections that are open. Routes of an address come and go while others
    ///   answer. Certificates are read again.
    /// - A watch trigger that changes stops before its successor starts; one that cannot resume
    ///   misses changes between the two.
    /// - Other triggers of the old plan stop once the new ones run: what runs may finish, and
    ///   commands are ended.
    /// - Stores that are left over are closed once the requests to components that were replaced
    ///   have ended. Where none is left over, this does not wait for such requests.
    ///
    /// It is not to be dropped before it is ready.
    ///
    /// # Errors
    ///
    /// As [`Application::load`](crate::Application::load) and
    /// [`Application::start`](crate::Application::start); [`Error::Limits`], [`Error::Chain`]. The
    /// old plan then runs on. A watch trigger that was stopped is started again; if that fails,
    /// too, it is the next [`Event::Failed`], and stops the others.
    pub async fn reload(&mut self, plan: Plan) -> Result<Reloaded, Error> {
        let [mut new, old] =
            [&plan, self.loaded.plan()].map(|plan| runtime_options(plan, &self.options));
        let most = self.runtime.chain();
        if new.chain > most {
            return Err(Error::Chain { most });
        }
        new.chain = old.chain;
        if new != old {
            return Err(Error::Limits);
        }
        let runtime = self.runtime.clone();
        let loaded = tokio::task::spawn_blocking(move || Loaded::load(plan, &runtime));
        let loaded = loaded.await.unwrap_or_else(|error| {
            let reason = error.to_string();
            Err(Error::Runtime(keywell_runtime::Error::Engine(reason)))
        })?;
        self.go_over(loaded).await
    }

    /// As [`reload`](Self::reload), to an application that this one's [`Examiner`](crate::Examiner)
    /// found nothing wrong with.
    ///
    /// # Errors
    ///
    /// As [`reload`](Self::reload); [`Error::Limits`] for one that is not of this one's examiner.
    pub async fn go_over_to(&mut self, application: Application) -> Result<Reloaded, Error> {
        let loaded = application.loaded_with(&self.runtime);
        self.go_over(loaded.ok_or(Error::Limits)?).await
    }

    async fn go_over(&mut self, loaded: Loaded) -> Result<Reloaded, Error> {
        let [new, old] = [&loaded, &self.loaded].map(|loaded| loaded.plan().health.as_ref());
        let is_moved = new.map(|at| &at.value) != old.map(|at| &at.value);
        let contacts = self.contact.contacts();
        let health = if is_moved {
            contacts.health(loaded.plan()).await?
        } else {
            None
        };
        let stores = Stores::open(loaded.plan(), &self.stores, contacts).await?;
        let is_restart = self.running.is_stopping();
        if is_restart {
            self.end().await;
        }
        let specs = loaded.specs(&stores);
        let changes = self.changes(&specs, is_restart);
        let renewed = self.renewed(&loaded, &changes).await;
        let started = match renewed {
            Ok(renewed) => {
                let started = self.start(&loaded, &stores, &specs, &changes).await;
                started.map(|started| (renewed, started))
            }
            Err(error) => Err(error),
        };
        match started {
            Ok((renewed, started)) => {
                let mut reloaded = Reloaded {
                    components: self.loaded.differences(&loaded),
                    stores: self.stores.differences(&stores),
                    kept: changes.kept.iter().flatten().count(),
                    started: started.len(),
                    ended: 0,
                };
                for (number, tls) in renewed {
                    self.triggers[number].encrypt_with(&tls);
                }
                self.loaded = loaded;
                let left = std::mem::replace(&mut self.stores, stores);
                if is_moved {
                    self.contact.move_health(health);
                }
                let (gone, ended) = self.take_over(specs, &changes, started);
                reloaded.ended = ended;
                if !reloaded.stores.changed.is_empty() || !reloaded.stores.removed.is_empty() {
                    join_all(gone.iter().map(Task::ended)).await;
                }
                if let Err(error) = left.close_but(&self.stores).await {
                    tracing::warn!("{error}");
                }
                Ok(reloaded)
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

    /// What the triggers that run on are encrypted with, by their numbers: the files may be others
    /// by now.
    async fn renewed(
        &self,
        loaded: &Loaded,
        changes: &Changes,
    ) -> Result<Vec<(usize, HttpTls)>, Error> {
        let mut renewed = Vec::new();
        for (index, kept) in changes.kept.iter().enumerate() {
            if let Some(number) = kept
                && let Some(http) = loaded.plan().triggers[index].listener()
                && let Some(tls) = &http.tls
            {
                let read = load_tls(tls).await;
                let read = read.map_err(|error| loaded.cannot_start(index, error.into()));
                renewed.push((*number, read?));
            }
        }
        Ok(renewed)
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
        let mut listening = Listening::default();
        for (number, trigger) in self.triggers.iter().enumerate() {
            trigger.note(&mut listening, changes.going.contains(&number));
        }
        let (runtime, options) = (self.runtime.clone(), self.options.clone());
        let mut start = async |index| {
            let listening = &mut listening;
            let start = loaded.start_one(index, &runtime, &grants, stores, &options, listening);
            start.await
        };
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
        self.show();
    }

    async fn start_one_again(&mut self, number: usize) -> Result<(), Error> {
        let index = self.triggers[number].index;
        let (loaded, runtime, stores) = (&self.loaded, &self.runtime, &self.stores);
        let grants = loaded.grants(stores)?;
        let mut listening = Listening::default();
        let (options, listening) = (&self.options, &mut listening);
        let trigger = loaded.start_one(index, runtime, &grants, stores, options, listening);
        if let Some(trigger) = trigger.await? {
            let spec = loaded.specs(stores).swap_remove(index);
            self.triggers[number] = Started::run(&mut self.running, index, spec, trigger);
        }
        Ok(())
    }

    /// Runs the new triggers, and asks those that go to end. Answers them, and how many have no
    /// successor at their addresses.
    fn take_over(
        &mut self,
        specs: Vec<Spec>,
        changes: &Changes,
        mut started: BTreeMap<usize, Trigger>,
    ) -> (Vec<Task>, usize) {
        if changes.is_restart {
            self.running = Running::default();
        }
        let mut old: Vec<Option<Started>> = self.triggers.drain(..).map(Some).collect();
        let mut running_on: Vec<Option<Started>> = changes
            .kept
            .iter()
            .map(|number| number.and_then(|number| old[number].take()))
            .collect();
        let mut successors = Vec::new();
        // All routes of an address are there before one of its triggers runs, or goes.
        started.values().for_each(Trigger::open);
        for (index, spec) in specs.into_iter().enumerate() {
            if let Some(same) = running_on[index].take() {
                self.triggers.push(Started {
                    index,
                    spec,
                    ..same
                });
                continue;
            }
            // Without a trigger, it is left out.
            if let Some(trigger) = started.remove(&index) {
                let next = Started::run(&mut self.running, index, spec, trigger);
                successors.push(next.addrs());
                self.triggers.push(next);
            }
        }
        // It may keep no component that was replaced.
        self.show();
        let endpoints = self.triggers.iter().flat_map(|next| &next.endpoints);
        let kept: BTreeSet<SocketAddr> = endpoints.map(HttpEndpoint::addr).collect();
        let mut ended = 0;
        let gone = old.into_iter().flatten().map(|gone| {
            // Elsewhere it answers until its connections are closed.
            let shared = gone
                .endpoints
                .iter()
                .filter(|own| kept.contains(&own.addr()));
            shared.for_each(HttpEndpoint::withdraw);
            let addrs = gone.addrs();
            let successor = successors.iter().position(|own| *own == addrs);
            match successor.filter(|_| !addrs.is_empty()) {
                Some(successor) => drop(successors.swap_remove(successor)),
                None => ended += 1,
            }
            gone.task
        });
        let gone: Vec<Task> = gone.collect();
        gone.iter().for_each(Task::ask_to_stop);
        (gone, ended)
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

    fn addrs(&self) -> BTreeSet<SocketAddr> {
        self.endpoints.iter().map(HttpEndpoint::addr).collect()
    }

    /// Encrypts the connections to it that are opened from now on.
    fn encrypt_with(&self, tls: &HttpTls) {
        let endpoints = self.endpoints.iter();
        endpoints.for_each(|endpoint| endpoint.encrypt_with(tls.clone()));
    }

    /// Adds where it listens.
    fn note(&self, listening: &mut Listening, is_going: bool) {
        if let Some(http) = self.spec.trigger.listener() {
            listening.add(http, self.endpoints.clone(), is_going);
        }
    }
}
