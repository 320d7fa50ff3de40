use std::sync::{Arc, Weak};

use keywell_store::{Answer, Transacted};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::listener::Listener;
use crate::server::Server;
use crate::unit::Unit;

/// An open store, with the tasks that end with it.
pub(crate) struct Open {
    pub(crate) server: Arc<Server>,
    tasks: [JoinHandle<()>; 2],
    /// Of the watches that are open.
    listener: Mutex<Weak<Listener>>,
}

// === impl Open ===

impl Open {
    pub(crate) fn new(server: Arc<Server>, tasks: [JoinHandle<()>; 2]) -> Self {
        Self {
            server,
            tasks,
            listener: Mutex::default(),
        }
    }

    /// Sends a unit, and waits for its outcome.
    pub(crate) fn write(self: &Arc<Self>, unit: Unit) -> Answer<Transacted> {
        let server = self.server.clone();
        Answer::later(async move { server.apply(&unit).await })
    }

    /// What wakes the watches of this process.
    pub(crate) fn listener(&self) -> Arc<Listener> {
        let mut shared = self.listener.lock();
        if let Some(listener) = shared.upgrade() {
            return listener;
        }
        let listener = Arc::new(Listener::start(self.server.clone()));
        *shared = Arc::downgrade(&listener);
        listener
    }

    /// Ends the tasks.
    pub(crate) fn end(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.end();
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").finish_non_exhaustive()
    }
}
