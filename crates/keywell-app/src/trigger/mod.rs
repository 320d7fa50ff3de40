//! What calls components: a kind a file. A trigger is read from its plan ([`Prepared`]), then
//! started ([`Trigger`]), then run.
//!
//! Every match is exhaustive, so that a new kind does not compile until it is handled everywhere.

mod command;
mod http;
mod invoke;
mod watch;

use std::sync::Arc;

use keywell_config::{CommandPlan, ConfigError, Plan, TriggerPlan};
use keywell_runtime::watch::Counters;
use keywell_runtime::{Command, Error, HttpApp, HttpEndpoint, Runtime};
use keywell_wasi::Grants;

use self::http::Http;
pub(crate) use self::http::{load_tls, read_tls};
pub(crate) use self::invoke::worker_options;
use self::watch::Watch;
use crate::component::Component;
use crate::kind::TriggerKind;
use crate::listen::Listening;
use crate::status::{TriggerCounts, TriggerSource};
use crate::stop::Stop;
use crate::stores::Stores;
use crate::{AppOptions, StartError};

/// The plan of a trigger, and what its text means.
pub(crate) enum Prepared {
    Http(Box<http::Prepared>),
    Watch(Box<watch::Prepared>),
    Command(CommandPlan),
    Invoke(Box<invoke::Prepared>),
}

/// A trigger that is ready to run.
pub(crate) enum Trigger {
    Http(Http),
    Watch(Box<Watch>),
    Command(Command),
    Invoke(Http),
}

/// What counts for a trigger, while it runs and after.
#[derive(Clone)]
pub(crate) enum Counting {
    Http(HttpApp),
    Watch(Arc<Counters>),
    Command,
    Invoke(HttpApp),
}

// === impl Prepared ===

impl Prepared {
    pub(crate) fn read(plan: &Plan, trigger: &TriggerPlan) -> Result<Self, ConfigError> {
        Ok(match trigger {
            TriggerPlan::Http(http) => Self::Http(Box::new(http::Prepared::read(plan, http)?)),
            TriggerPlan::Watch(watch) => Self::Watch(Box::new(watch::Prepared::read(plan, watch)?)),
            TriggerPlan::Command(command) => Self::Command(command.clone()),
            TriggerPlan::Invoke(invoke) => {
                Self::Invoke(Box::new(invoke::Prepared::read(plan, invoke)?))
            }
        })
    }

    /// Makes it ready to run; none where it is left out. It shares the addresses of those that
    /// listen where it does.
    pub(crate) async fn start(
        &self,
        runtime: &Runtime,
        component: &Component,
        grants: Arc<Grants>,
        stores: &Stores,
        options: &AppOptions,
        listening: &mut Listening,
    ) -> Result<Option<Trigger>, StartError> {
        Ok(Some(match self {
            Self::Http(http) => {
                let started = http.start(runtime, component, grants, listening);
                return Ok(started.await?.map(Trigger::Http));
            }
            Self::Watch(watch) => {
                if watch.is_optional() && !TriggerKind::Watch.is_exported_by(&component.loaded) {
                    return Ok(None);
                }
                let started = watch.start(runtime, component, grants, stores, options);
                Trigger::Watch(Box::new(started.await?))
            }
            Self::Command(plan) => {
                Trigger::Command(command::start(plan, runtime, component, grants)?)
            }
            Self::Invoke(invoke) => {
                let started = invoke.start(runtime, component, grants, stores, listening);
                Trigger::Invoke(started.await?)
            }
        }))
    }
}

// === impl Trigger ===

impl Trigger {
    pub(crate) fn source(&self) -> TriggerSource {
        match self {
            Self::Http(http) => http.source(),
            Self::Watch(watch) => watch.source(),
            Self::Command(_) => TriggerSource::Command,
            Self::Invoke(http) => invoke::source(http),
        }
    }

    /// Where it listens for requests; nowhere, if it does not.
    pub(crate) fn endpoints(&self) -> Vec<HttpEndpoint> {
        match self {
            Self::Http(http) | Self::Invoke(http) => http.endpoints(),
            Self::Watch(_) | Self::Command(_) => Vec::new(),
        }
    }

    pub(crate) fn counting(&self) -> Counting {
        match self {
            Self::Http(http) => Counting::Http(http.app()),
            Self::Watch(watch) => Counting::Watch(watch.counters()),
            Self::Command(_) => Counting::Command,
            Self::Invoke(http) => Counting::Invoke(http.app()),
        }
    }

    /// Lets it answer requests where others of its addresses do.
    pub(crate) fn open(&self) {
        match self {
            Self::Http(http) | Self::Invoke(http) => http.open(),
            Self::Watch(_) | Self::Command(_) => {}
        }
    }

    /// Runs it until it is asked to stop, or a command exits: then the answer is its code.
    pub(crate) async fn run(self, stop: Stop) -> Result<Option<u8>, Error> {
        match self {
            Self::Http(http) | Self::Invoke(http) => {
                http.run(stop).await;
                Ok(None)
            }
            Self::Watch(watch) => Box::pin(watch.run(stop)).await.map(|()| None),
            Self::Command(command) => command::run(command, stop).await,
        }
    }
}

// === impl Counting ===

impl Counting {
    pub(crate) fn counts(&self) -> TriggerCounts {
        match self {
            Self::Http(app) => TriggerCounts::Http {
                requests: app.requests(),
            },
            Self::Watch(counters) => TriggerCounts::Watch(counters.read()),
            Self::Command => TriggerCounts::Command,
            Self::Invoke(app) => TriggerCounts::Invoke {
                calls: app.requests(),
            },
        }
    }
}
