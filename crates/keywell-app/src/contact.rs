//! The sockets by which other processes reach an application.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use keywell_config::Plan;
use keywell_control::{Health, Process, Server, processes};
use keywell_folder::Folder;
use keywell_store::{Store, StoreUrl};

use crate::registry::provider;
use crate::{AppOptions, ControlOptions, Error};

/// Opens the sockets that an application has while it runs.
#[derive(Clone)]
pub(crate) struct Contacts {
    /// What answers.
    process: Arc<dyn Process>,
    options: Option<ControlOptions>,
}

/// The sockets of an application that are not those of its stores.
pub(crate) struct Contact {
    contacts: Contacts,
    health: Option<Health>,
    _process: Option<Server>,
}

// === impl Contacts ===

impl Contacts {
    pub(crate) fn new(process: Arc<dyn Process>, options: &AppOptions) -> Self {
        Self {
            process,
            options: options.control.clone(),
        }
    }

    /// Where other processes reach a store that this one alone has open.
    pub(crate) fn of_store(&self, url: &StoreUrl, store: &Arc<dyn Store>) -> Option<Server> {
        self.options.as_ref()?;
        let path = provider(url.scheme())?.folder(url)?;
        let server = Folder::open(&path)
            .and_then(|folder| Server::in_store(folder, self.process.clone(), store));
        let path = path.display();
        server
            .map_err(|error| tracing::warn!("`keywell kv` cannot reach the store {path}: {error}"))
            .ok()
    }

    /// Where the process is found.
    async fn of_process(&self) -> Option<Server> {
        let path = self.options.as_ref()?.processes.as_deref()?;
        let server = self.in_folder(path).await;
        let path = path.display();
        server
            .map_err(|error| tracing::warn!("`keywell status` cannot use {path}: {error}"))
            .ok()
    }

    async fn in_folder(&self, path: &Path) -> std::io::Result<Server> {
        let folder = Folder::make(path)?;
        processes::sweep(&folder).await;
        Server::among_processes(folder, self.process.clone())
    }

    /// Answers whether the application is well, where its plan says.
    pub(crate) async fn health(&self, plan: &Plan) -> Result<Option<Health>, Error> {
        let Some(at) = &plan.health else {
            return Ok(None);
        };
        let (host, port) = (at.value.host(), at.value.port());
        let health = Health::bind(host, port, self.process.clone()).await;
        health.map(Some).map_err(|source| {
            let problem = format!("cannot listen on {} for health: {source}", at.value);
            Error::Health {
                text: plan.error_at(at.place, problem).to_string(),
                source,
            }
        })
    }

    /// The sockets of an application whose stores are open.
    pub(crate) async fn open(self, health: Option<Health>) -> Contact {
        Contact {
            _process: self.of_process().await,
            contacts: self,
            health,
        }
    }
}

// === impl Contact ===

impl Contact {
    pub(crate) fn contacts(&self) -> &Contacts {
        &self.contacts
    }

    /// Where health is answered.
    pub(crate) fn health(&self) -> Vec<SocketAddr> {
        let health = self.health.as_ref();
        health
            .map(|health| health.addrs().to_vec())
            .unwrap_or_default()
    }

    /// Answers elsewhere from now on.
    pub(crate) fn move_health(&mut self, health: Option<Health>) {
        self.health = health;
    }
}

#[cfg(test)]
impl Contacts {
    /// For stores that no other process reaches.
    pub(crate) fn none() -> Self {
        let process = Arc::<crate::observer::Observer>::default();
        Self::new(process, &AppOptions::default())
    }
}
