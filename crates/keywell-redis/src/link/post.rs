use std::io;
use std::time::Duration;

use redis::{Cmd, Value};
use tokio::sync::watch;

use crate::options::Address;
use crate::wire::Dedicated;

/// A connection of one's own to wait on at the server that has a key, until the link finds out that
/// it may be another one. A server that has fallen silent shows on no connection on which silence is
/// expected.
pub(crate) struct Post {
    connection: Dedicated,
    changes: watch::Receiver<()>,
    /// Whether a server still has the key after a change.
    has: Box<dyn Fn(&Address) -> bool + Send + Sync>,
}

// === impl Post ===

impl Post {
    pub(super) fn new(
        connection: Dedicated,
        changes: watch::Receiver<()>,
        has: Box<dyn Fn(&Address) -> bool + Send + Sync>,
    ) -> Self {
        Self {
            connection,
            changes,
            has,
        }
    }

    /// One command and its reply, which may be an error of the server. Let go of it after any error.
    ///
    /// # Errors
    ///
    /// Also [`io::ErrorKind::TimedOut`] when there is no reply within that time, and
    /// [`io::ErrorKind::NotConnected`] when another server may have the key.
    pub(crate) async fn call(&mut self, command: &Cmd, within: Duration) -> io::Result<Value> {
        let server = self.connection.server().clone();
        tokio::select! {
            reply = self.connection.call(command, within) => reply,
            () = lost(&mut self.changes, || (self.has)(&server)) => {
                Err(io::ErrorKind::NotConnected.into())
            }
        }
    }
}

/// Waits for a change after which it is not so any more.
async fn lost(changes: &mut watch::Receiver<()>, has: impl Fn() -> bool) {
    while changes.changed().await.is_ok() {
        if !has() {
            return;
        }
    }
    std::future::pending::<()>().await;
}
