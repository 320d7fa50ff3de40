//! A connection to NATS that is made again whenever it is lost.
//!
//! The client makes a lost connection again by itself, but its task can end: a carriage return in a
//! header makes it panic, and every client that may publish can send one. A supervisor connects
//! another client in its place. What was subscribed or asked with the old one has ended by then.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event};
use keywell_client::Backoff;
use keywell_store::Result;
use parking_lot::RwLock;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::login::Login;

/// The longest wait before a lost connection is tried again.
const RECONNECT: Duration = Duration::from_secs(1);

/// For how long after its loss a connection is waited for.
const GRACE: Duration = Duration::from_secs(1);
/// How often it is looked whether there is a connection. At least so long it is waited for.
const LOOK: Duration = Duration::from_millis(5);

/// A connection, which ends when this is dropped.
pub(crate) struct Link {
    shared: Arc<Shared>,
    supervisor: AbortHandle,
}

/// How each client connects.
pub(crate) struct Dialer {
    pub(crate) login: Login,
    /// Servers, each `HOST` or `HOST:PORT`.
    pub(crate) servers: Vec<String>,
    /// Adds options to those of the login.
    pub(crate) options: fn(ConnectOptions) -> ConnectOptions,
}

struct Shared {
    current: RwLock<Current>,
    counters: Arc<Counters>,
}

struct Current {
    client: Arc<Client>,
    /// Whether its task has ended.
    has_ended: bool,
}

/// Counts the connections of a link.
#[derive(Default)]
struct Counters {
    /// As in [`Count`], for those who look often.
    lost: AtomicU64,
    sender: watch::Sender<Count>,
}

/// How many connections of a link there were.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) lost: u64,
    /// When the last one was.
    lost_at: Option<Instant>,
    /// How many were made in place of lost ones.
    pub(crate) made: u64,
}

/// Waits for the loss of the connection that was there when this was made.
pub(crate) struct Loss {
    counts: watch::Receiver<Count>,
    lost: u64,
}

/// Resolves when the task of a client has ended: the client drops its callback for events then.
type Ended = oneshot::Receiver<Infallible>;

// === impl Link ===

impl Link {
    /// Connects to one of the servers.
    ///
    /// # Errors
    ///
    /// As [`Login::connect_with`].
    pub(crate) async fn open(dialer: Dialer) -> Result<Self> {
        let counters = Arc::new(Counters::default());
        let (current, ended) = dialer.dial(counters.clone()).await?;
        let shared = Arc::new(Shared {
            current: RwLock::new(current),
            counters,
        });
        let supervisor = tokio::spawn(shared.clone().supervise(dialer, ended));
        Ok(Self {
            shared,
            supervisor: supervisor.abort_handle(),
        })
    }

    /// The client, if it is connected.
    pub(crate) fn client(&self) -> Option<Arc<Client>> {
        let current = self.shared.current.read();
        let is_connected =
            !current.has_ended && current.client.connection_state() == State::Connected;
        is_connected.then(|| current.client.clone())
    }

    /// The client, once it is connected: a connection that was lost a moment ago is waited for.
    pub(crate) async fn connected(&self) -> Option<Arc<Client>> {
        if let Some(client) = self.client() {
            return Some(client);
        }
        let lost_at = self.shared.counters.sender.borrow().lost_at;
        // The loss is noted a moment after it.
        let least = Instant::now() + LOOK;
        self.connected_by(lost_at.map_or(least, |at| least.max(at + GRACE)))
            .await
    }

    /// The client, once it is connected.
    pub(crate) async fn connected_by(&self, limit: Instant) -> Option<Arc<Client>> {
        let mut counts = self.counts();
        loop {
            let client = self.client();
            if client.is_some() || Instant::now() >= limit {
                return client;
            }
            // It is connected a moment after it says so.
            let look = limit.min(Instant::now() + LOOK);
            let _ = timeout_at(look, counts.changed()).await;
        }
    }

    /// The largest message that the server takes, headers included.
    pub(crate) fn max_payload(&self) -> usize {
        self.shared.current.read().client.max_payload()
    }

    /// How many connections were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.counters.lost.load(Ordering::Acquire)
    }

    /// Notifies of connections that are lost and made.
    pub(crate) fn counts(&self) -> watch::Receiver<Count> {
        self.shared.counters.sender.subscribe()
    }

    /// Waits for the loss of the connection of now.
    pub(crate) fn loss(&self) -> Loss {
        let mut counts = self.counts();
        let lost = counts.borrow_and_update().lost;
        Loss { counts, lost }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

// === impl Shared ===

impl Shared {
    /// Replaces each client whose task has ended.
    async fn supervise(self: Arc<Self>, dialer: Dialer, mut ended: Ended) {
        let mut backoff = Backoff::new(Duration::from_millis(10), RECONNECT);
        loop {
            // It is never sent.
            let _ = ended.await;
            self.current.write().has_ended = true;
            self.counters.note_lost();
            tracing::error!(
                "the client for NATS ended, as it does at a message with a broken header; \
                 connecting another one"
            );
            let (current, next) = loop {
                backoff.pause().await;
                match dialer.dial(self.counters.clone()).await {
                    Ok(dialled) => break dialled,
                    Err(error) => tracing::warn!("{error}"),
                }
            };
            *self.current.write() = current;
            tracing::info!(target: "connection", "connected to NATS again");
            ended = next;
            backoff.reset();
            self.counters.note_made();
        }
    }
}

// === impl Dialer ===

impl Dialer {
    async fn dial(&self, counters: Arc<Counters>) -> Result<(Current, Ended)> {
        let (alive, ended) = oneshot::channel::<Infallible>();
        let is_first = AtomicBool::new(true);
        let on_event = move |event| {
            // Dropped with this callback.
            let _ = &alive;
            match event {
                // Its owner counts the first one.
                Event::Connected if is_first.swap(false, Ordering::Relaxed) => {}
                Event::Connected => {
                    tracing::info!(target: "connection", "connected to NATS again");
                    counters.note_made();
                }
                Event::Disconnected => {
                    tracing::warn!("the connection to NATS is lost");
                    counters.note_lost();
                }
                event => tracing::debug!("NATS: {event}"),
            }
            std::future::ready(())
        };
        let options = |options| {
            (self.options)(options)
                .event_callback(on_event)
                .reconnect_delay_callback(delay)
        };
        let client = self.login.connect_with(&self.servers, options).await?;
        let current = Current {
            client: Arc::new(client),
            has_ended: false,
        };
        Ok((current, ended))
    }
}

/// How long a client waits before it tries to connect for the first time, the second, and so on. Not
/// less than it takes to note that a connection was lost.
fn delay(attempts: usize) -> Duration {
    let millis = 5_u64 << attempts.saturating_sub(1).min(10);
    Duration::from_millis(millis).min(RECONNECT)
}

// === impl Counters ===

impl Counters {
    fn note_lost(&self) {
        self.sender.send_modify(|count| {
            count.lost += 1;
            count.lost_at = Some(Instant::now());
            self.lost.store(count.lost, Ordering::Release);
        });
    }

    fn note_made(&self) {
        self.sender.send_modify(|count| count.made += 1);
    }
}

// === impl Loss ===

impl Loss {
    /// Resolves once the connection is lost, and from then on.
    pub(crate) async fn happened(&mut self) {
        let lost = self.lost;
        // Without a sender the link is gone, and with it the connection.
        let _ = self.counts.wait_for(|count| count.lost != lost).await;
    }
}
