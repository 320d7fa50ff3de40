use std::sync::Arc;

use keywell_client::Deadline;
use keywell_store::{Error, Failure, Result};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::link::{Dialler, Link};

/// Connections that callers share, made as they are needed.
pub(crate) struct Pool {
    dialler: Dialler,
    idle: Mutex<Vec<Link>>,
    connections: u32,
    room: Arc<Semaphore>,
}

/// A connection in use. It ends with its user, unless it is [kept](Lease::keep).
pub(crate) struct Lease {
    pub(crate) link: Link,
    pool: Arc<Pool>,
    _room: OwnedSemaphorePermit,
}

// === impl Pool ===

impl Pool {
    pub(crate) fn new(dialler: Dialler, connections: u32) -> Self {
        Self {
            dialler,
            idle: Mutex::default(),
            connections,
            room: Arc::new(Semaphore::new(connections as usize)),
        }
    }

    pub(crate) fn dialler(&self) -> &Dialler {
        &self.dialler
    }

    /// A connection that worked when it was used last, or a new one.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`], also once the pool is closed.
    pub(crate) async fn lease(self: &Arc<Self>, deadline: Deadline) -> Result<Lease> {
        let late = |late| Error::Unavailable(Failure::caused_by("waiting for a connection", late));
        let room = deadline.bound(self.room.clone().acquire_owned()).await;
        let room = room.map_err(late)?.map_err(|_| closed())?;
        let link = match self.idle() {
            Some(link) => link,
            None => deadline
                .bound(self.dialler.connect(None))
                .await
                .map_err(late)??,
        };
        Ok(Lease {
            link,
            pool: self.clone(),
            _room: room,
        })
    }

    fn idle(&self) -> Option<Link> {
        let mut idle = self.idle.lock();
        while let Some(link) = idle.pop() {
            if !link.client.is_closed() {
                return Some(link);
            }
        }
        None
    }

    /// Waits until no connection is in use, and lends no more.
    pub(crate) async fn drain(&self) {
        if let Ok(all) = self.room.acquire_many(self.connections).await {
            all.forget();
        }
    }

    pub(crate) fn close(&self) {
        self.room.close();
        self.idle.lock().clear();
    }
}

// === impl Lease ===

impl Lease {
    /// Gives the connection back for others.
    pub(crate) fn keep(self) {
        if !self.pool.room.is_closed() {
            self.pool.idle.lock().push(self.link);
        }
    }
}

pub(crate) fn closed() -> Error {
    Error::Unavailable(Failure::new("the store was closed"))
}
