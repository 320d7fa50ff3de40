use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::try_join_all;
use keywell_store::{Answer, Bucket, BucketName, Error, Failure, Result, Store};

use crate::bucket::MemcachedBucket;
use crate::names::Names;
use crate::options::MemcachedOptions;
use crate::ring::Ring;
use crate::server::Server;
use crate::wire::Command;

/// A store on one Memcached server, or on several that share its keys.
///
/// A clone is the same store.
#[derive(Clone)]
pub struct MemcachedStore {
    servers: Arc<Servers>,
    options: MemcachedOptions,
}

/// The servers, and which keys they have.
pub(crate) struct Servers {
    servers: Vec<Server>,
    ring: Ring,
    is_closed: AtomicBool,
}

// === impl Servers ===

impl Servers {
    /// The server that has a name.
    pub(crate) fn of(&self, name: &str) -> Result<&Server> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("the store is closed".into()));
        }
        let server = match self.servers.len() {
            1 => 0,
            _ => self.ring.server(name),
        };
        let none = || Error::Unavailable("no server of Memcached is named".into());
        self.servers.get(server).ok_or_else(none)
    }

    /// Whether every server answers.
    async fn probe(&self) -> Result<()> {
        let asked = self
            .servers
            .iter()
            .map(|server| server.read(Command::ping(), 0));
        try_join_all(asked).await.map(drop)
    }
}

// === impl MemcachedStore ===

impl MemcachedStore {
    /// Connects to all servers.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] for a login that a server refuses, [`Error::Unavailable`] if one cannot
    /// be reached.
    pub async fn open(options: MemcachedOptions) -> Result<Self> {
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
            let server = Server::new(address, tls.clone(), &options);
            server.ok_or_else(|| {
                let what = format!("{address:?} is no HOST or HOST:PORT");
                Error::Unavailable(what.into())
            })
        });
        let servers = servers.collect::<Result<Vec<_>>>()?;
        let ring = Ring::new(servers.iter().map(|server| (&*server.host, server.port)));
        let servers = Servers {
            servers,
            ring,
            is_closed: AtomicBool::new(false),
        };
        servers.probe().await?;
        Ok(Self {
            servers: Arc::new(servers),
            options,
        })
    }
}

impl Store for MemcachedStore {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let names = Names::new(&self.options.prefix, name);
        Answer::now(Arc::new(MemcachedBucket::new(self.servers.clone(), names)))
    }

    fn health(&self) -> Answer<()> {
        let servers = self.servers.clone();
        Answer::later(async move { servers.probe().await })
    }

    fn close(&self) -> Answer<()> {
        self.servers.is_closed.store(true, Ordering::Relaxed);
        for server in &self.servers.servers {
            server.close();
        }
        Answer::now(())
    }
}

impl fmt::Debug for MemcachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemcachedStore")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
