use std::sync::Arc;

use keywell_config::{ConfigError, InvokePlan, Plan};
use keywell_runtime::worker::{InterruptedRequests, WorkerNames, WorkerOptions};
use keywell_runtime::{InvokeOptions, Runtime};
use keywell_wasi::Grants;

use super::http::{self, Http};
use crate::StartError;
use crate::component::Component;
use crate::listen::Listening;
use crate::status::TriggerSource;
use crate::stores::Stores;

/// The plan of an invoke trigger, and what its text means.
pub(crate) struct Prepared {
    http: http::Prepared,
    options: InvokeOptions,
    workers: Option<PreparedWorkers>,
}

/// Which workers are called, and how they are kept.
struct PreparedWorkers {
    names: WorkerNames,
    /// The store of their journals.
    journal: String,
    snapshot_every: Option<u32>,
    interrupted_requests: InterruptedRequests,
}

/// How workers are kept whose journals are in a store. Stores have the names of the plan there.
pub(crate) fn worker_options(journal: &str, stores: &Stores) -> WorkerOptions {
    WorkerOptions {
        stores: stores.used(),
        ..WorkerOptions::new(stores.get(journal))
    }
}

/// What it is called by, as it was started.
pub(super) fn source(http: &Http) -> TriggerSource {
    let (addrs, path, host, is_encrypted) = http.listens();
    TriggerSource::Invoke {
        addrs,
        path,
        host,
        is_encrypted,
    }
}

// === impl Prepared ===

impl Prepared {
    pub(crate) fn read(plan: &Plan, invoke: &InvokePlan) -> Result<Self, ConfigError> {
        let usual = InvokeOptions::default();
        let names = invoke.functions.iter();
        let workers = invoke.workers.as_ref().map(|workers| {
            let names = workers.names.parse::<WorkerNames>();
            let names = names.map_err(|error: keywell_runtime::worker::NameError| {
                plan.error_at(workers.names.place, error.to_string())
            });
            Ok::<_, ConfigError>(PreparedWorkers {
                names: names?,
                journal: workers.journal.clone(),
                snapshot_every: workers.snapshot_every,
                interrupted_requests: match workers.interrupted_requests {
                    keywell_config::InterruptedRequests::Stop => InterruptedRequests::Stop,
                    keywell_config::InterruptedRequests::Retry => InterruptedRequests::Retry,
                    keywell_config::InterruptedRequests::Fail => InterruptedRequests::Fail,
                },
            })
        });
        Ok(Self {
            http: http::Prepared::read(plan, &invoke.http)?,
            options: InvokeOptions {
                path: invoke.http.path.text().value.clone(),
                functions: names.map(|name| name.value.clone()).collect(),
                max_body: invoke.max_body.unwrap_or(usual.max_body),
                ..usual
            },
            workers: workers.transpose()?,
        })
    }

    /// Makes it ready to run.
    pub(crate) async fn start(
        &self,
        runtime: &Runtime,
        component: &Component,
        grants: Arc<Grants>,
        stores: &Stores,
        listening: &mut Listening,
    ) -> Result<Http, StartError> {
        let options = InvokeOptions {
            http: self.http.options(component),
            ..self.options.clone()
        };
        let Some(called) = &self.workers else {
            let app = runtime.http_invoke(&component.loaded, grants, &options)?;
            return self.http.listen(app, listening).await;
        };
        let names = called.names.clone();
        let kept = worker_options(&called.journal, stores);
        let kept = WorkerOptions {
            snapshot_every: called.snapshot_every.unwrap_or(kept.snapshot_every),
            interrupted_requests: called.interrupted_requests,
            ..kept
        };
        let ready = runtime.http_workers(&component.loaded, grants, &options, names, kept);
        let (app, workers) = ready.await?;
        let http = self.http.listen(app, listening).await?;
        Ok(http.calling(workers, called.names.clone()))
    }
}
