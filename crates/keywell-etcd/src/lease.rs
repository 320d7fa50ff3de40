//! Leases, which end the lives of keys.
//!
//! Each key that is set for a time has a lease of its own. One that no key has any longer is given
//! back, in the background, so that it need not be kept until its time ends: where the write failed
//! that it was for, and where its key was written again or deleted. The numbers of our leases begin
//! in one way, so that those of other clients are left alone.

use std::sync::Arc;

use keywell_store::{Error, Result, Set};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::link::Link;
use crate::rpc::messages::{LeaseGrantRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest};

/// What the numbers of our leases begin with.
const OURS: i64 = 0x4b57 << 48;
const OURS_MASK: i64 = 0xffff << 48;
/// How many leases wait to be given back. Any more end when their times end.
const QUEUED: usize = 10_000;

/// Grants leases and gives them back.
pub(crate) struct Leases {
    link: Arc<Link>,
    unused: mpsc::Sender<i64>,
    /// Gives them back.
    task: AbortHandle,
}

/// A lease that is being granted. It is leaked if the caller is dropped meanwhile.
struct Granting<'a> {
    leases: &'a Leases,
    id: i64,
}

// === impl Leases ===

impl Leases {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        let (unused, waiting) = mpsc::channel(QUEUED);
        let task = tokio::spawn(give_back(link.clone(), waiting));
        Self {
            link,
            unused,
            task: task.abort_handle(),
        }
    }

    /// The number of a lease for what is set so; 0 if it is set for good. The caller gives it back
    /// if no key gets it.
    pub(crate) async fn grant(&self, how: Set) -> Result<i64> {
        let Some(ttl) = seconds(how)? else {
            return Ok(0);
        };
        let id = OURS | (rand::random::<i64>() & !OURS_MASK);
        let granting = Granting { leases: self, id };
        let granted = self.link.write(LeaseGrantRequest { ttl, id }).await;
        granted.map_err(|error| match error {
            // No key was written.
            Error::Ambiguous(failure) => Error::Unavailable(failure),
            error => error,
        })?;
        std::mem::forget(granting);
        Ok(id)
    }

    /// Gives back a lease that no key has: the one that a key had until it was written again or
    /// deleted, or the one that was granted for a write that failed. 0 is none.
    pub(crate) fn give_back(&self, id: i64) {
        if id & OURS_MASK == OURS {
            // If too many wait, it ends with its time.
            let _ = self.unused.try_send(id);
        }
    }

    /// What is left of a lease, in seconds; `None` if it has ended.
    pub(crate) async fn left(&self, id: i64) -> Result<Option<u64>> {
        let answer = self.link.read(LeaseTimeToLiveRequest { id }).await?;
        Ok(u64::try_from(answer.ttl).ok())
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A time to live, in whole seconds that are no shorter.
pub(crate) fn seconds(how: Set) -> Result<Option<i64>> {
    let millis = how.ttl_millis()?;
    Ok(millis.map(|millis| i64::try_from(millis.div_ceil(1000)).unwrap_or(i64::MAX)))
}

async fn give_back(link: Arc<Link>, mut unused: mpsc::Receiver<i64>) {
    while let Some(id) = unused.recv().await {
        if let Err(error) = link.read(LeaseRevokeRequest { id }).await {
            tracing::debug!("a lease is kept until its time ends: {error}");
        }
    }
}

// === impl Granting ===

impl Drop for Granting<'_> {
    fn drop(&mut self) {
        self.leases.give_back(self.id);
    }
}
