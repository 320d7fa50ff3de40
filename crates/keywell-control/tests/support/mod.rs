//! Stores that are shared as a process shares those that it has open.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use keywell_control::{Process, RemoteStore, Report, Server};
use keywell_folder::Folder;
use keywell_store::{BoxFuture, Result, Store};
use parking_lot::Mutex;

/// A process that runs nothing.
pub(crate) struct Idle;

impl Process for Idle {
    fn report(&self) -> Report {
        Report {
            pid: std::process::id(),
            ..Report::default()
        }
    }

    fn unready(&self) -> BoxFuture<Vec<String>> {
        Box::pin(async { Vec::new() })
    }
}

/// Stores that are open, and the sockets that lead to them.
#[derive(Default)]
pub(crate) struct Shared(Mutex<Vec<(Server, Arc<dyn Store>)>>);

// === impl Shared ===

impl Shared {
    /// Answers calls of a store in a folder, and finds the store there.
    pub(crate) async fn share(&self, place: &Path, store: impl Store + 'static) -> Arc<dyn Store> {
        let folder = Folder::make(place).expect("there is room for a folder");
        let store: Arc<dyn Store> = Arc::new(store);
        let server = Server::in_store(folder, Arc::new(Idle), &store);
        let server = server.expect("the folder has room for a socket");
        self.0.lock().push((server, store));
        let remote = RemoteStore::find(place).await;
        Arc::new(remote.expect("the socket is listened to"))
    }

    /// Ends as a process does that stops.
    pub(crate) async fn close(&self) -> Result<()> {
        let open = std::mem::take(&mut *self.0.lock());
        for (server, store) in open {
            drop(server);
            store.close().await?;
        }
        Ok(())
    }
}
