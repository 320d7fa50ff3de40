use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Message, Subscriber};
use bytes::Bytes;
use futures::StreamExt as _;
use keywell_store::{Error, Failure, Result};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::node::Node;
use super::options::CacheOptions;
use super::replica::{Effect, Message as Replicated, Origin};
use super::wire;

/// How long a process waits for another to say that it is there, when it starts.
const GREETING: Duration = Duration::from_millis(500);
/// How long it waits for the copy of another.
const JOINING: Duration = Duration::from_secs(30);
/// How long nothing is written before a process says what it has.
const PAUSE: Duration = Duration::from_secs(1);
/// What a message has besides a value and its key.
const ENVELOPE: usize = 4096;

/// Carries the messages of a copy.
struct Connection {
    client: Client,
    node: Arc<Node>,
    options: CacheOptions,
}

/// Connects a new copy to the others, and waits for what they have.
pub(super) async fn join(server: &str, options: &CacheOptions) -> Result<Arc<Node>> {
    let client = connect(server, options).await?;
    let largest = client.max_payload().saturating_sub(ENVELOPE) / 2;
    let (node, effects) = Node::connected(options.max_bytes, largest);
    let connection = Connection {
        client,
        node: node.clone(),
        options: options.clone(),
    };
    let changes = connection.subscribe(connection.to_all()).await?;
    let replays = connection.subscribe(connection.to(node.origin())).await?;
    let (joined, waiting) = tokio::sync::oneshot::channel();
    tokio::spawn(connection.run(effects, futures::stream::select(changes, replays), joined));
    node.tick();
    drop(timeout(JOINING, waiting).await);
    Ok(node)
}

async fn connect(server: &str, options: &CacheOptions) -> Result<Client> {
    let mut connect = ConnectOptions::new()
        .name("keywell")
        .no_echo()
        .max_reconnects(None)
        .require_tls(options.has_tls);
    if let Some((user, password)) = &options.login {
        connect = connect.user_and_password(user.clone(), password.expose().to_owned());
    }
    if let Some(token) = &options.token {
        connect = connect.token(token.expose().to_owned());
    }
    if let Some(file) = &options.tls_ca {
        connect = connect.add_root_certificates(file.clone());
    }
    let connected = connect.connect(server).await;
    connected
        .map_err(|error| Error::Unavailable(Failure::caused_by("NATS cannot be reached", error)))
}

// === impl Connection ===

impl Connection {
    fn to_all(&self) -> String {
        format!("{}.{}", self.options.changes, self.options.name)
    }

    fn to(&self, origin: Origin) -> String {
        let Origin { node, incarnation } = origin;
        format!(
            "{}.{}.{node:x}.{incarnation:x}",
            self.options.replays, self.options.name
        )
    }

    async fn subscribe(&self, subject: String) -> Result<Subscriber> {
        let subscribed = self.client.subscribe(subject).await;
        subscribed.map_err(|error| {
            Error::Unavailable(Failure::caused_by("NATS takes no subscription", error))
        })
    }

    async fn run(
        self,
        mut effects: mpsc::Receiver<Effect>,
        mut messages: impl futures::Stream<Item = Message> + Unpin,
        joined: tokio::sync::oneshot::Sender<()>,
    ) {
        let mut joined = Some(joined);
        let mut greeted = Instant::now() + GREETING;
        let mut due = Instant::now() + self.options.heartbeat;
        let mut foreign = 0_u64;
        loop {
            tokio::select! {
                effect = effects.recv() => {
                    let Some(effect) = effect else { return };
                    if matches!(effect, Effect::Broadcast(Replicated::Change(_))) {
                        due = due.min(Instant::now() + PAUSE);
                    }
                    self.send(effect).await;
                }
                message = messages.next() => {
                    let Some(message) = message else { return };
                    match wire::decode(&message.payload) {
                        Some((from, message)) => {
                            self.node.receive(from, message);
                            // What it asked for is on its way.
                            greeted = Instant::now() + GREETING;
                        }
                        None => {
                            foreign += 1;
                            tracing::debug!(foreign, "a message that is none of this version of the cache");
                        }
                    }
                }
                () = sleep_until(greeted), if joined.is_some() => {}
                () = sleep_until(due) => {
                    self.node.tick();
                    due = Instant::now() + self.options.heartbeat;
                }
            }
            let has_joined = self.node.read(|replica| replica.has_joined());
            if has_joined || greeted <= Instant::now() {
                if let Some(joined) = joined.take() {
                    drop(joined.send(()));
                }
            }
        }
    }

    async fn send(&self, effect: Effect) {
        let (subject, message) = match effect {
            Effect::Broadcast(message) => (self.to_all(), message),
            Effect::Send(origin, message) => (self.to(origin), message),
            Effect::Changed(_) | Effect::ClockAhead(..) => return,
        };
        // What is sent while there is no connection would arrive late, and is asked for then anyway.
        if self.client.connection_state() != State::Connected {
            return;
        }
        let payload: Option<Bytes> = wire::encode(self.node.origin(), &message);
        if let Some(payload) = payload {
            if let Err(error) = self.client.publish(subject, payload).await {
                tracing::debug!("a message to other copies was not sent: {error}");
            }
        }
    }
}
