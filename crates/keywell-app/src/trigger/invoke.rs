use std::sync::Arc;

use keywell_config::{ConfigError, InvokePlan, Plan};
use keywell_runtime::{InvokeOptions, Runtime};
use keywell_wasi::Grants;

use super::http::{self, Http};
use crate::StartError;
use crate::component::Component;
use crate::listen::Listening;
use crate::status::TriggerSource;

/// The plan of an invoke trigger, and what its text means.
pub(crate) struct Prepared {
    http: http::Prepared,
    options: InvokeOptions,
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
        Ok(Self {
            http: http::Prepared::read(plan, &invoke.http)?,
            options: InvokeOptions {
                path: invoke.http.path.text().value.clone(),
                functions: names.map(|name| name.value.clone()).collect(),
                max_body: invoke.max_body.unwrap_or(usual.max_body),
                ..usual
            },
        })
    }

    /// Makes it ready to run.
    pub(crate) async fn start(
        &self,
        runtime: &Runtime,
        component: &Component,
        grants: Arc<Grants>,
        listening: &mut Listening,
    ) -> Result<Http, StartError> {
        let options = InvokeOptions {
            http: self.http.options(component),
            ..self.options.clone()
        };
        let app = runtime.http_invoke(&component.loaded, grants, &options)?;
        self.http.listen(app, listening).await
    }
}
