use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keywell_store::Capabilities;

use super::operation::{Asked, Told};
use super::service::Service;

/// A service whose clients, each on its own thread, wait for each other before they ask.
pub(super) struct Meeting<S: ?Sized> {
    clients: usize,
    arrived: AtomicUsize,
    service: Arc<S>,
}

// === impl Meeting ===

impl<S: Service + ?Sized> Meeting<S> {
    /// How often a client looks whether the others are there before it goes on without them: they
    /// may have asked all they had to ask, or have no processor.
    const PATIENCE: usize = 500;

    pub(super) fn new(service: Arc<S>, clients: usize) -> Self {
        Self {
            clients,
            arrived: AtomicUsize::new(0),
            service,
        }
    }

    /// Spins rather than sleeps: to be woken takes longer than the operations that are to overlap.
    fn meet(&self) {
        let arrived = self.arrived.fetch_add(1, Ordering::Relaxed) + 1;
        let all = arrived.next_multiple_of(self.clients);
        for look in 0..Self::PATIENCE {
            if self.arrived.load(Ordering::Relaxed) >= all {
                return;
            }
            if look % 8 == 7 {
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

    async fn ask(&self, key: &str, asked: &Asked) -> Told {
        self.meet();
        self.service.ask(key, asked).await
    }
}
