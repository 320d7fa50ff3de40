use std::collections::VecDeque;
use std::sync::Arc;

use keywell_config::Plan;
use keywell_runtime::Runtime;

use crate::event::Event;
use crate::loaded::{Loaded, runtime_options};
use crate::running::{Ending, Running};
use crate::status::{Status, TriggerCounters, TriggerSource, TriggerStatus};
use crate::stores::Stores;
use crate::trigger::{Counting, Trigger};
use crate::{AppOptions, Error, TriggerError};

/// An application that runs. Dropping it ends everything at once; [`stop`](Self::stop) lets what runs
/// finish and closes the stores.
pub struct Handle {
    runtime: Arc<Runtime>,
    options: AppOptions,
    loaded: Loaded,
    stores: Stores,
    running: Running,
    triggers: Vec<Started>,
    /// What happened while nothing waited for it.
    events: VecDeque<Event>,
}

/// What is known of a trigger that was started.
struct Started {
    component: String,
    source: TriggerSource,
    counting: Counting,
    ending: Ending,
}

// === impl Handle ===

impl Handle {
    /// Runs triggers that are ready.
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        options: AppOptions,
        loaded: Loaded,
        stores: Stores,
        triggers: Vec<(String, Trigger)>,
    ) -> Self {
        let mut handle = Self {
            runtime,
            options,
            loaded,
            stores,
            running: Running::default(),
            triggers: Vec::new(),
            events: VecDeque::new(),
        };
        handle.run(triggers);
        handle
    }

    /// What the application consists of.
    pub fn status(&self) -> Status {
        let triggers = self.triggers.iter().map(|started| TriggerStatus {
            component: started.component.clone(),
            source: started.source.clone(),
            state: started.ending.state(),
        });
        Status {
            stores: self.stores.status(),
            components: self.loaded.status(),
            triggers: triggers.collect(),
        }
    }

    /// What each trigger has done since it was started, in the order of [`status`](Self::status).
    pub fn counters(&self) -> Vec<TriggerCounters> {
        let counters = self.triggers.iter().map(|started| TriggerCounters {
            component: started.component.clone(),
            counts: started.counting.counts(),
        });
        counters.collect()
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

    /// Goes over to another plan, whose limits have to be those of the one that runs.
    ///
    /// Everything in the new plan is read and compiled, and its stores are opened, while the old one
    /// runs; stores of the same name and URL stay open. Then the old triggers stop, what runs may
    /// finish, commands are ended, and the new triggers start: in between, requests are refused, and
    /// watches that cannot resume miss changes. Stores that are left over are closed. Commands of
    /// the new plan run, whether or not they ran before.
    ///
    /// # Errors
    ///
    /// As [`Application::load`](crate::Application::load) and
    /// [`Application::start`](crate::Application::start); [`Error::Limits`]. The old plan then runs on;
    /// where the new triggers could not start, it is started again. If that fails, too, it is
    /// the next [`Event::Failed`], and nothing runs.
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
        self.end().await;
        match loaded.start(&self.runtime, &stores, &self.options).await {
            Ok(triggers) => {
                self.loaded = loaded;
                let left = std::mem::replace(&mut self.stores, stores);
                self.run(triggers);
                if let Err(error) = left.close_but(&self.stores).await {
                    tracing::warn!("{error}");
                }
                Ok(())
            }
            Err(error) => {
                drop(stores.close_but(&self.stores).await);
                self.start_again().await;
                Err(error)
            }
        }
    }

    /// Stops the triggers, and keeps what happens until they have ended.
    async fn end(&mut self) {
        self.running.ask_to_stop();
        while let Some(event) = self.running.next().await {
            self.events.push_back(event);
        }
    }

    /// Starts the triggers of the plan that ran.
    async fn start_again(&mut self) {
        let started = self
            .loaded
            .start(&self.runtime, &self.stores, &self.options);
        match started.await {
            Ok(triggers) => self.run(triggers),
            Err(Error::Start {
                component, source, ..
            }) => {
                let problem = TriggerError::Restart(source);
                self.events.push_back(Event::Failed { component, problem });
            }
            Err(error) => tracing::error!("{error}"),
        }
    }

    fn run(&mut self, triggers: Vec<(String, Trigger)>) {
        self.running = Running::default();
        let running = &mut self.running;
        let started = triggers.into_iter().map(|(component, trigger)| {
            let (source, counting) = (trigger.source(), trigger.counting());
            let ending = running.spawn(&component, |stop| trigger.run(stop));
            Started {
                component,
                source,
                counting,
                ending,
            }
        });
        self.triggers = started.collect();
    }
}
