use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::try_join_all;
use keywell_client::Queue;
use keywell_store::{Error, Failure, Result};

use crate::options::MemcachedOptions;
use crate::ring::Ring;
use crate::server::Server;
use crate::wire::Command;

/// The servers, and which keys they have.
pub(crate) struct Servers {
    all: Vec<Server>,
    ring: Ring,
    /// Turns of those who count on a key, by its name.
    pub(crate) counters: Queue,
    is_closed: AtomicBool,
}

// === impl Servers ===

impl Servers {
    /// Connects to all of them.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] for a login that a server refuses, [`Error::Unavailable`] if one cannot
    /// be reached.
    pub(crate) async fn open(options: &MemcachedOptions) -> Result<Self> {
        let tls = match options.tls.clone() {
            None => None,
            Some(tls) => {
                let made = tokio::task::spawn_blocking(move || tls.connector()).await;
                let made = made.map_err(|error| Failure::caused_by("TLS cannot be set up", error));
                let made = made.and_then(|made| {
                    made.map_err(|error| Failure::caused_by("TLS cannot be set up", error))
                });
                Some(made.map_err(Error::Unavailable)?)
            }
        };
        let servers = options.servers.iter().map(|address| {
            let server = Server::new(address, tls.clone(), options);
            server.ok_or_else(|| {
                let what = format!("{address:?} is no HOST or HOST:PORT");
                Error::Unavailable(what.into())
            })
        });
        let servers = servers.collect::<Result<Vec<_>>>()?;
        let ring = Ring::new(servers.iter().map(|server| (&*server.host, server.port)));
        let servers = Self {
            all: servers,
            ring,
            counters: Queue::default(),
            is_closed: AtomicBool::new(false),
        };
        servers.probe().await?;
        Ok(servers)
    }

    /// The server that has a name.
    pub(crate) fn of(&self, name: &str) -> Result<&Server> {
        self.check_open()?;
        let server = match self.all.len() {
            1 => 0,
            _ => self.ring.server(name),
        };
        let none = || Error::Unavailable("no server of Memcached is named".into());
        self.all.get(server).ok_or_else(none)
    }

    fn check_open(&self) -> Result<()> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("the store is closed".into()));
        }
        Ok(())
    }

    /// Whether every server answers.
    pub(crate) async fn probe(&self) -> Result<()> {
        self.check_open()?;
        let asked = self
            .all
            .iter()
            .map(|server| server.read(Command::ping(), 0));
        try_join_all(asked).await.map(drop)
    }

    /// Drops the connections, and makes no more.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        for server in &self.all {
            server.close();
        }
    }
}
