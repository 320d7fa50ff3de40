use std::sync::Arc;

use parking_lot::RwLock;

use super::HttpApp;

/// Which application answers the requests of a server.
#[derive(Clone)]
pub(super) struct Answering(Arc<RwLock<HttpApp>>);

// === impl Answering ===

impl Answering {
    pub(super) fn new(app: HttpApp) -> Self {
        Self(Arc::new(RwLock::new(app)))
    }

    /// The application for a request. It is to be kept for no longer than that.
    pub(super) fn app(&self) -> HttpApp {
        self.0.read().clone()
    }

    pub(super) fn replace(&self, app: HttpApp) {
        let before = std::mem::replace(&mut *self.0.write(), app);
        // Not under the lock, as its instances end with it.
        drop(before);
    }
}
