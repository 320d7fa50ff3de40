use std::sync::Arc;
use std::time::{Duration, Instant};

use keywell_wasi::Grants;
use wasmtime::Store;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::outgoing::Client;
use crate::state::State;
use crate::ticker::{Running, Ticker};
use crate::turn::Turns;
use crate::{Environment, Error, Options, offers};

/// A component with its imports linked, from which instances are made.
pub(crate) struct Instances {
    pre: InstancePre<State>,
    grants: Arc<Grants>,
    environment: Arc<Environment>,
    client: Arc<Client>,
    ticker: Arc<Ticker>,
    turns: Turns,
    memory: usize,
    timeout: Duration,
}

// === impl Instances ===

impl Instances {
    pub(crate) fn new(
        component: &Component,
        grants: Arc<Grants>,
        environment: Environment,
        client: Arc<Client>,
        ticker: Arc<Ticker>,
        options: &Options,
    ) -> Result<Self, Error> {
        let missing = offers::missing(component);
        if !missing.is_empty() {
            return Err(Error::Missing(missing));
        }
        let mismatch = |error: wasmtime::Error| Error::Mismatch(format!("{error:#}"));
        let mut linker = Linker::new(component.engine());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(mismatch)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(mismatch)?;
        keywell_wasi::link(&mut linker, component, &grants).map_err(mismatch)?;
        let pre = linker.instantiate_pre(component).map_err(mismatch)?;
        component
            .initialize_copy_on_write_image()
            .map_err(|error| Error::Engine(format!("{error:#}")))?;
        Ok(Self {
            pre,
            grants,
            environment: Arc::new(environment),
            client,
            ticker,
            turns: Turns::new(),
            memory: options.memory,
            timeout: options.timeout,
        })
    }

    pub(crate) fn pre(&self) -> &InstancePre<State> {
        &self.pre
    }

    /// When a call that starts now has to be done.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// How long a call may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A store for one instance.
    pub(crate) fn store(&self, deadline: Instant) -> Store<State> {
        let state = State::new(
            self.grants.clone(),
            self.environment.clone(),
            self.client.clone(),
            self.turns.clone(),
            self.memory,
            deadline,
        );
        state.into_store(self.pre.engine())
    }

    /// Has the epoch advance while a call runs.
    pub(crate) fn run(&self) -> Running {
        self.ticker.run()
    }

    /// What the component exports, for messages.
    pub(crate) fn exports(component: &Component) -> String {
        let component_type = component.component_type();
        let names: Vec<&str> = component_type
            .exports(component.engine())
            .map(|(name, _)| name)
            .collect();
        if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        }
    }
}
