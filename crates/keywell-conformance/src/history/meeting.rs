use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keywell_store::Capabilities;

use super::operation::{Request, Response};
use super::service::Service;

/// A service whose clients, each on its own thread, wait for each other before every request.
pub(super) struct Meeting<S: ?Sized> {
    clients: usize,
    arrived: AtomicUsize,
    service: Arc<S>,
}

// === impl Meeting ===

impl<S: Service + ?Sized> Meeting<S> {
    /// How often a client checks for the others before it continues alone: they may have finished,
    /// or wait for a processor.
    const CHECKS: usize = 500;

    pub(super) fn new(service: Arc<S>, clients: usize) -> Self {
        Self {
            clients,
            arrived: AtomicUsize::new(0),
            service,
        }
    }

    /// Spins instead of sleeping: a wake-up takes longer than the operations that are to overlap.
    fn meet(&self) {
        let arrived = self.arrived.fetch_add(1, Ordering::Relaxed) + 1;
        let all = arrived.next_multiple_of(self.clients);
        for check in 0..Self::CHECKS {
            if self.arrived.load(Ordering::Relaxed) >= all {
                return;
            }
            if check % 8 == 7 {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }
}

impl<S: Service + ?Sized> Service for Meeting<S> {
    fn declared(&self) -> Capabilities {
        self.service.declared()
    }

    async fn call(&self, key: &str, request: &Request) -> Response {
        self.meet();
        self.service.call(key, request).await
    }
}
