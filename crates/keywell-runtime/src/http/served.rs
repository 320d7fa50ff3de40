use std::time::Duration;

use tokio::sync::watch;

use super::calls::Calls;
use super::options::HttpOptions;
use super::refusal::Refusal;
use crate::instance::Instances;

/// A component that is called for requests, and how long each may take.
pub(super) struct Served {
    pub(super) instances: Instances,
    /// How many requests an instance answers.
    pub(super) reuse: u32,
    pub(super) timeout: Duration,
    /// What a request is answered with past that.
    pub(super) late: Refusal,
    pub(super) calls: Calls,
    /// Gone with it.
    alive: watch::Sender<()>,
}

// === impl Served ===

impl Served {
    pub(super) fn new(instances: Instances, options: &HttpOptions) -> Self {
        instances.room().expect_requests();
        let usual = instances.timeout();
        let (timeout, late) = match options.timeout {
            Some(own) if own < usual => (own, Refusal::Late),
            Some(_) | None => (usual, Refusal::TimedOut),
        };
        Self {
            instances,
            reuse: options.reuse,
            timeout,
            late,
            calls: Calls::default(),
            alive: watch::Sender::new(()),
        }
    }

    /// Waits until everything that could call it is dropped.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut alive = self.alive.subscribe();
        async move { while alive.changed().await.is_ok() {} }
    }
}
