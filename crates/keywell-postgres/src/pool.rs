use std::sync::Arc;
use std::time::Duration;

use keywell_client::{Backoff, Deadline};
use keywell_store::{Error, Failure, Result};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::link::{Dialler, Link};

/// Connections that callers share, made as they are needed.
pub(crate) struct Pool {
    dialler: Dialler,
    idle: Mutex<Vec<Link>>,
    connections: u32,
    room: Arc<Semaphore>,
    /// Wakes who waits for a connection, since the server has no more.
    returned: Notify,
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
            returned: Notify::new(),
        }
    }

    pub(crate) fn dialler(&self) -> &Dialler {
        &self.dialler
    }

    /// A connection that worked when it was used last, or a new one. If the server has no more, another
    /// caller's is waited for.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`], also once the pool is closed.
    pub(crate) async fn lease(self: &Arc<Self>, deadline: Deadline) -> Result<Lease> {
        let late = |late| Error::Unavailable(Failure::caused_by("waiting for a connection", late));
        let room = deadline.bound(self.room.clone().acquire_owned()).await;
        let room = room.map_err(late)?.map_err(|_| closed())?;
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(500));
        let mut full = None;
        let link = loop {
            if let Some(link) = self.idle() {
                break link;
            }
            match deadline.bound(self.dialler.connect(None)).await {
                Ok(Ok(link)) => break link,
                Ok(Err(refused)) if refused.is_full && !deadline.left().is_zero() => {
                    full = Some(refused.error);
                }
                Ok(Err(refused)) => return Err(refused.error),
                Err(error) => return Err(full.unwrap_or_else(|| late(error))),
            }
            let wait = backoff.next_wait().min(deadline.left());
            let _ = timeout(wait, self.returned.notified()).await;
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
            self.pool.returned.notify_one();
        }
    }
}

pub(crate) fn closed() -> Error {
    Error::Unavailable(Failure::new("the store was closed"))
}
