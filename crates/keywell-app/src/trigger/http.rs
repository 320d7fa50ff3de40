use std::sync::Arc;

use futures::future::join_all;
use keywell_config::HttpPlan;
use keywell_runtime::{HttpApp, HttpOptions, HttpServer, Runtime};
use keywell_wasi::Grants;

use crate::StartError;
use crate::component::Component;
use crate::listen::listen;
use crate::status::TriggerSource;
use crate::stop::Stop;

/// An HTTP trigger that is ready to run: its addresses are taken.
pub(crate) struct Http {
    app: HttpApp,
    servers: Vec<HttpServer>,
}

// === impl Http ===

impl Http {
    pub(crate) async fn start(
        plan: &HttpPlan,
        runtime: &Runtime,
        component: &Component,
        grants: Arc<Grants>,
    ) -> Result<Self, StartError> {
        let options = HttpOptions {
            reuse: plan.reuse,
            environment: component.environment.clone(),
        };
        let app = runtime.http(&component.loaded, grants, &options)?;
        let servers = listen(&plan.addr, &app).await?;
        Ok(Self { app, servers })
    }

    pub(crate) fn source(&self) -> TriggerSource {
        TriggerSource::Http {
            addrs: self.servers.iter().map(HttpServer::addr).collect(),
        }
    }

    /// Its application, which counts requests.
    pub(crate) fn app(&self) -> HttpApp {
        self.app.clone()
    }

    pub(crate) async fn run(self, stop: Stop) {
        let servers = self.servers.into_iter();
        join_all(servers.map(|server| server.serve(stop.clone().asked()))).await;
    }
}
