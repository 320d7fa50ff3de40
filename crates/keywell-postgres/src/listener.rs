use std::sync::Arc;
use std::time::Duration;

use keywell_client::{Backoff, Deadline};
use keywell_store::{Error, Failure, Result};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::refused;
use crate::link::Notified;
use crate::server::Server;

/// Where processes announce that they wrote. It wakes, and carries nothing.
const LISTEN: &str = "LISTEN keywell";
/// A crash that loses an announcement also ends who waits for it, so it waits for no disk.
const ANNOUNCE: &str =
    "SELECT set_config('synchronous_commit', 'off', true), pg_notify('keywell', '')";

/// After how much silence it asks whether the server is there.
const LOOK: Duration = Duration::from_secs(5);

/// How often a process announces at most.
const PAUSE: Duration = Duration::from_millis(10);

/// A connection that wakes the watches of this process when another process wrote. It connects again
/// whenever it has to. The watches share it, and it ends with them.
#[derive(Debug)]
pub(crate) struct Listener(JoinHandle<()>);

// === impl Listener ===

impl Listener {
    pub(crate) fn start(server: Arc<Server>) -> Self {
        Self(tokio::spawn(async move {
            let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
            loop {
                match listen(&server).await {
                    Ok(()) => backoff.reset(),
                    Err(error) => {
                        tracing::debug!(%error, "PostgreSQL cannot be listened to");
                        backoff.pause().await;
                    }
                }
            }
        }))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens until the connection is gone.
async fn listen(server: &Arc<Server>) -> Result<()> {
    let woken = Arc::new(Notify::new());
    let notified: Notified = {
        let (server, woken) = (server.clone(), woken.clone());
        Arc::new(move || {
            server.wake();
            woken.notify_one();
        })
    };
    let link = server.pool.dialler().connect(Some(notified)).await?;
    link.client.batch_execute(LISTEN).await.map_err(refused)?;
    // What was announced before is looked up.
    server.wake();
    while !link.client.is_closed() {
        if timeout(LOOK, woken.notified()).await.is_err() {
            // A server that is out of reach says nothing.
            let asked = Deadline::after(server.options.answer_timeout)
                .bound(link.client.batch_execute("SELECT 1"))
                .await;
            let late = |late| Failure::caused_by("waiting for PostgreSQL", late);
            asked
                .map_err(late)
                .map_err(Error::Unavailable)?
                .map_err(refused)?;
        }
    }
    Ok(())
}

/// Announces the writes of this process to others: after commits, since a notification within a
/// transaction has all commits of the server take turns.
pub(crate) async fn announce(server: Arc<Server>) {
    loop {
        server.unannounced.notified().await;
        if let Err(error) = server.read(ANNOUNCE, &[]).await {
            tracing::debug!(%error, "a write to PostgreSQL is not announced");
        }
        let _ = timeout(PAUSE, std::future::pending::<()>()).await;
    }
}
