use std::sync::Arc;
use std::time::Duration;

use keywell_client::Backoff;
use keywell_store::Result;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::error::refused;
use crate::link::Notified;
use crate::server::Server;

/// Where processes announce that they wrote. It wakes, and carries nothing.
const LISTEN: &str = "LISTEN keywell";
const ANNOUNCE: &str = "SELECT pg_notify('keywell', '')";

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
        woken.notified().await;
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
        let _ = tokio::time::timeout(PAUSE, std::future::pending::<()>()).await;
    }
}
