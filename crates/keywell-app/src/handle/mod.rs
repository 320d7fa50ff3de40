mod examiner;
mod reload;

use std::collections::VecDeque;
use std::sync::Arc;

use keywell_runtime::invoke::Invoker;
use keywell_runtime::worker::Workers;
use keywell_runtime::{HttpEndpoint, Runtime};

use crate::contact::Contact;
use crate::event::Event;
use crate::loaded::Loaded;
use crate::observer::{self, Observed, Seen};
use crate::running::{Running, Task};
use crate::spec::Spec;
use crate::status::{BucketMetering, Status, TriggerCounters, TriggerSource, TriggerStatus};
use crate::stores::Stores;
use crate::trigger::{Counting, Trigger};
use crate::{AppOptions, Error};

pub use self::examiner::Examiner;

/// An application that runs. Dropping it ends everything at once; [`stop`](Self::stop) lets what
/// runs finish and closes the stores.
pub struct Handle {
    runtime: Arc<Runtime>,
    options: AppOptions,
    loaded: Loaded,
    stores: Stores,
    contact: Contact,
    observed: Observed,
    running: Running,
    triggers: Vec<Started>,
    /// What happened while nothing waited for it.
    events: VecDeque<Event>,
}

/// What is known of a trigger that was started.
struct Started {
    /// Its place among the triggers of the plan.
    index: usize,
    spec: Spec,
    source: TriggerSource,
    counting: Counting,
    /// Where it listens for requests.
    endpoints: Vec<HttpEndpoint>,
    task: Task,
}

// === impl Handle ===

impl Handle {
    /// Runs triggers that are ready.
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        options: AppOptions,
        loaded: Loaded,
        stores: Stores,
        contact: Contact,
        observed: Observed,
        triggers: Vec<(usize, Trigger)>,
    ) -> Self {
        let mut running = Running::default();
        let mut specs: Vec<_> = loaded.specs(&stores).into_iter().map(Some).collect();
        // All routes of an address are there before one of its triggers runs.
        for (_, trigger) in &triggers {
            trigger.open();
        }
        let started = triggers.into_iter().map(|(index, trigger)| {
            let spec = specs[index].take();
            let spec = spec.expect("a trigger of the plan starts once");
            Started::run(&mut running, index, spec, trigger)
        });
        let handle = Self {
            triggers: started.collect(),
            runtime,
            options,
            loaded,
            stores,
            contact,
            observed,
            running,
            events: VecDeque::new(),
        };
        handle.show();
        handle
    }

    /// What the application consists of.
    pub fn status(&self) -> Status {
        let triggers = self.triggers.iter().map(|started| TriggerStatus {
            component: started.component().to_owned(),
            source: started.source.clone(),
            state: started.task.state(),
        });
        Status {
            stores: self.stores.status(),
            components: self.loaded.status(),
            triggers: triggers.collect(),
            health: self.contact.health(),
        }
    }

    /// What each trigger has done since it was started, in the order of [`status`](Self::status).
    pub fn counters(&self) -> Vec<TriggerCounters> {
        let counters = self.triggers.iter().map(|started| TriggerCounters {
            component: started.component().to_owned(),
            counts: started.counting.counts(),
        });
        counters.collect()
    }

    /// What was counted of each bucket, by store and bucket; nothing unless the plan
    /// [is metered](keywell_config::Plan::is_metered).
    ///
    /// These are the calls that reach a store: not those that a grant or a limit refused before it,
    /// and besides those of components the ones that triggers make for their positions and dead
    /// letters.
    pub fn metering(&self) -> Vec<BucketMetering> {
        self.stores.metering()
    }

    /// Makes a component ready to have its functions called, whatever triggers it has. It has what
    /// the component is granted now, also after the application goes over to another plan, and no
    /// store once the application has stopped.
    ///
    /// # Errors
    ///
    /// [`Error::NoComponent`] or [`Error::Start`].
    pub fn invoker(&self, component: &str) -> Result<Invoker, Error> {
        self.loaded.invoker(component, &self.runtime, &self.stores)
    }

    /// Makes a component ready to run as workers, whose journals are in the store of this name. The
    /// plan has to say that it [runs as such](keywell_config::ComponentPlan::is_worker).
    ///
    /// # Errors
    ///
    /// [`Error::NoComponent`] or [`Error::Start`].
    pub async fn workers(&self, component: &str, journal: &str) -> Result<Workers, Error> {
        let (runtime, stores) = (&self.runtime, &self.stores);
        self.loaded
            .workers(component, journal, runtime, stores)
            .await
    }

    /// Waits for what happens next; none once all triggers have ended. Nothing is lost where the
    /// future is dropped before it is ready.
    ///
    /// A trigger that fails stops the others, whether or not this is called.
    pub async fn next(&mut self) -> Option<Event> {
        match self.events.pop_front() {
            Some(event) => Some(event),
            None => self.running.next().await,
        }
    }

    /// Asks every trigger to stop: what runs may finish, a command is ended. When they have,
    /// [`next`](Self::next) answers none.
    pub fn ask_to_stop(&self) {
        self.running.ask_to_stop();
    }

    /// Stops: lets what runs finish, ends commands, and closes the stores.
    ///
    /// # Errors
    ///
    /// [`Error::Close`], or [`Error::Failed`] for the first failure that
    /// [`next`](Self::next) was not called for. The stores are closed all the same.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.ask_to_stop();
        let mut failed = Ok(());
        while let Some(event) = self.next().await {
            match event {
                Event::Failed { component, problem } => {
                    failed = failed.and(Err(Error::Failed {
                        component,
                        source: problem,
                    }));
                }
                Event::Exited { .. } => {}
            }
        }
        let closed = self.stores.close().await;
        failed.and(closed)
    }

    /// Shows other processes what runs by now.
    fn show(&self) {
        let triggers = self.triggers.iter();
        let triggers = triggers.map(|started| (started.task.clone(), started.counting.clone()));
        self.observed.show(Seen {
            file: self.loaded.plan().file.clone(),
            status: self.status(),
            components: observer::components(self.loaded.plan()),
            triggers: triggers.collect(),
            stores: self.stores.handles(),
            meters: self.stores.meters(),
            stopper: self.running.stopper().clone(),
        });
    }

    /// Stops the triggers, and keeps what happens until they have ended.
    async fn end(&mut self) {
        self.running.ask_to_stop();
        while let Some(event) = self.running.next().await {
            self.events.push_back(event);
        }
    }
}

// === impl Started ===

impl Started {
    /// Runs a trigger that is ready: the one at an index of the plan.
    fn run(running: &mut Running, index: usize, spec: Spec, trigger: Trigger) -> Self {
        Self {
            source: trigger.source(),
            counting: trigger.counting(),
            endpoints: trigger.endpoints(),
            task: running.spawn(spec.trigger.component(), |stop| trigger.run(stop)),
            index,
            spec,
        }
    }

    fn component(&self) -> &str {
        self.spec.trigger.component()
    }
}
