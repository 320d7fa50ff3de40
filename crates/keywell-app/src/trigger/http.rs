use std::sync::Arc;

use futures::future::join_all;
use keywell_config::HttpPlan;
use keywell_runtime::{HttpApp, HttpEndpoint, HttpOptions, HttpServer, Runtime};
use keywell_wasi::Grants;

use crate::StartError;
use crate::component::Component;
use crate::listen::{Listening, listen};
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
        going: &[Listening],
    ) -> Result<Self, StartError> {
        let options = HttpOptions {
            reuse: plan.reuse,
            environment: component.environment.clone(),
        };
        let app = runtime.http(&component.loaded, grants, &options)?;
        let servers = listen(&plan.addr, &app, going).await?;
        Ok(Self { app, servers })
    }

    pub(crate) fn source(&self) -> TriggerSource {
        TriggerSource::Http {
            addrs: self.servers.iter().map(HttpServer::addr).collect(),
        }
    }

    pub(crate) fn endpoints(&self) -> Vec<HttpEndpoint> {
        self.servers.iter().map(HttpServer::endpoint).collect()
    }

    /// Its application, which counts requests.
    pub(crate) fn app(&self) -> HttpApp {
        self.app.clone()
    }

    pub(crate) async fn run(self, stop: Stop) {
        // Another application may replace it.
        drop(self.app);
        let servers = self.servers.into_iter();
        join_all(servers.map(|server| server.serve(stop.clone().asked()))).await;
    }
}
