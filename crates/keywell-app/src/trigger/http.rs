use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use http::HeaderName;
use keywell_config::{ConfigError, CorsPlan, HttpPlan, PathPlan, Plan, TlsPlan};
use keywell_runtime::worker::{WorkerNames, Workers};
use keywell_runtime::{
    Cors, Error, HttpApp, HttpEndpoint, HttpOptions, HttpRoute, HttpServer, HttpTls, Runtime,
};
use keywell_wasi::Grants;

use crate::StartError;
use crate::component::Component;
use crate::kind::TriggerKind;
use crate::listen::Listening;
use crate::status::TriggerSource;
use crate::stop::Stop;

/// The plan of a trigger that listens, and what its text means.
pub(crate) struct Prepared {
    plan: HttpPlan,
    options: HttpOptions,
    /// What names the host, if it asks for one.
    header: Option<HeaderName>,
}

/// A trigger that listens and is ready to run: its addresses are taken.
pub(crate) struct Http {
    app: HttpApp,
    servers: Vec<HttpServer>,
    path: String,
    host: Option<String>,
    is_encrypted: bool,
    /// The workers that it calls, if it does.
    workers: Option<(Workers, WorkerNames)>,
}

/// How long a worker that has to go on waits for an instance.
const RESUMING: Duration = Duration::from_mins(1);

/// Reads what the address of a trigger is encrypted with.
pub(crate) fn read_tls(plan: &TlsPlan) -> Result<HttpTls, Error> {
    HttpTls::read(&plan.certificate, &plan.key)
}

/// The same, on a thread that may wait for files.
pub(crate) async fn load_tls(plan: &TlsPlan) -> Result<HttpTls, Error> {
    let plan = plan.clone();
    let read = tokio::task::spawn_blocking(move || read_tls(&plan));
    let read = read.await.map_err(|error| Error::Engine(error.to_string()));
    read.flatten()
}

fn cors(plan: &Plan, of: &HttpPlan, cors: &CorsPlan) -> Result<Cors, ConfigError> {
    let [origins, headers, methods, exposed] = [
        &cors.origins,
        &cors.headers,
        &cors.methods,
        &cors.exposed_headers,
    ]
    .map(|texts| texts.iter().map(|text| text.as_str()));
    Cors::new(origins, headers, methods, exposed, cors.max_age)
        .map_err(|error| plan.error_at(of.place, error.to_string()))
}

// === impl Prepared ===

impl Prepared {
    pub(crate) fn read(plan: &Plan, http: &HttpPlan) -> Result<Self, ConfigError> {
        let cache_control = http.cache_control.as_ref().map(|value| {
            let parsed = value.parse();
            parsed.map_err(|_| plan.error_at(value.place, "this is no value of a header"))
        });
        let cors = http.cors.as_ref().map(|of| cors(plan, http, of));
        let header = http.host.as_ref().map(|host| {
            let parsed = host.header.parse();
            parsed.map_err(|_| plan.error_at(host.header.place, "this is no name of a header"))
        });
        Ok(Self {
            options: HttpOptions {
                reuse: http.reuse,
                concurrency: http.concurrency,
                is_read_only: http.is_read_only,
                timeout: http.timeout,
                cache_control: cache_control.transpose()?,
                cors: cors.transpose()?,
                keeps_alive: http.keeps_alive,
                ..HttpOptions::default()
            },
            header: header.transpose()?,
            plan: http.clone(),
        })
    }

    /// Makes it ready to run; none where it is left out.
    pub(crate) async fn start(
        &self,
        runtime: &Runtime,
        component: &Component,
        grants: Arc<Grants>,
        listening: &mut Listening,
    ) -> Result<Option<Http>, StartError> {
        let plan = &self.plan;
        if plan.is_optional && !TriggerKind::Http.is_exported_by(&component.loaded) {
            return Ok(None);
        }
        let app = runtime.http(&component.loaded, grants, &self.options(component))?;
        self.listen(app, listening).await.map(Some)
    }

    /// How a component is run for it.
    pub(super) fn options(&self, component: &Component) -> HttpOptions {
        HttpOptions {
            environment: component.environment.clone(),
            ..self.options.clone()
        }
    }

    /// Takes its addresses.
    pub(super) async fn listen(
        &self,
        app: HttpApp,
        listening: &mut Listening,
    ) -> Result<Http, StartError> {
        let plan = &self.plan;
        let tls = match &plan.tls {
            Some(tls) => Some(load_tls(tls).await?),
            None => None,
        };
        let route = self.route(app.clone());
        let servers = listening.listen(plan, &route).await?.into_iter();
        let servers: Vec<_> = servers
            .map(|server| server.encrypted(tls.clone()))
            .collect();
        Ok(Http {
            app,
            servers,
            path: plan.path.text().value.clone(),
            host: plan.host.as_ref().map(|host| host.value.value.clone()),
            is_encrypted: tls.is_some(),
            workers: None,
        })
    }

    fn route(&self, app: HttpApp) -> HttpRoute {
        let route = HttpRoute::new(app);
        let route = match &self.plan.path {
            PathPlan::Prefix(path) => route.below(path),
            PathPlan::Exact(path) => route.at(path),
        };
        match (&self.plan.host, &self.header) {
            (Some(host), Some(header)) => route.of_host(header.clone(), &host.value),
            _ => route,
        }
    }
}

// === impl Http ===

impl Http {
    /// The same, which calls workers.
    pub(super) fn calling(mut self, workers: Workers, names: WorkerNames) -> Self {
        self.workers = Some((workers, names));
        self
    }

    pub(crate) fn source(&self) -> TriggerSource {
        let (addrs, path, host, is_encrypted) = self.listens();
        TriggerSource::Http {
            addrs,
            path,
            host,
            is_encrypted,
        }
    }

    /// Its addresses, its path, its host, and whether its connections are encrypted.
    pub(super) fn listens(&self) -> (Vec<SocketAddr>, String, Option<String>, bool) {
        let addrs = self.servers.iter().map(HttpServer::addr).collect();
        let (path, host) = (self.path.clone(), self.host.clone());
        (addrs, path, host, self.is_encrypted)
    }

    pub(crate) fn endpoints(&self) -> Vec<HttpEndpoint> {
        self.servers.iter().map(HttpServer::endpoint).collect()
    }

    /// Its application, which counts requests.
    pub(crate) fn app(&self) -> HttpApp {
        self.app.clone()
    }

    /// Lets it answer requests where others of its addresses do.
    pub(crate) fn open(&self) {
        self.servers.iter().for_each(HttpServer::open);
    }

    pub(crate) async fn run(self, stop: Stop) {
        // It ends where its route is withdrawn.
        drop(self.app);
        let servers = self.servers.into_iter();
        let serving = join_all(servers.map(|server| server.serve(stop.clone().asked())));
        let Some((workers, names)) = self.workers else {
            serving.await;
            return;
        };
        let resuming = async {
            workers.resume_all(&names, RESUMING).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = serving => {}
            () = resuming => {}
        }
        workers.release().await;
    }
}
