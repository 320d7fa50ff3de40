use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::{Client, Message};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use keywell_store::{Error, Failure, Result};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::node::Node;
use super::options::CacheOptions;
use super::outgoing::{Receiver, Waiting};
use super::replica::{Effect, Message as Replicated, Origin, Update};
use super::wire;
use crate::link::{Count, Dialer, Link};

/// How long a process waits for another to say that it is there, when it starts.
const GREETING: Duration = Duration::from_millis(500);
/// How long it waits for the copy of another.
const JOINING: Duration = Duration::from_secs(30);
/// How long after the last change a process says what it has; then twice as long, up to the
/// heartbeat.
const PAUSE: Duration = Duration::from_secs(1);
/// How long after the first change, if others follow all the time.
const LATEST: Duration = Duration::from_secs(5);
/// How long the end of a connection waits for the server.
const FLUSHING: Duration = Duration::from_secs(2);
/// How many messages wait to be taken. What is more is lost, and asked for again.
const WAITING: usize = 8192;
/// How many messages are taken at once.
const AT_ONCE: usize = 64;
/// How many changes are sent at once, in one message or several.
const SENT_AT_ONCE: usize = 256;
/// How many bytes of writes one message has.
const BATCH: usize = 16 << 10;
/// What a server has to take in one message: several entries, or the fingerprints of a range.
const LEAST_PAYLOAD: usize = 32 << 10;

/// Carries the messages of a copy, until the copy is dropped.
pub(super) struct Connection {
    node: Weak<Node>,
    outgoing: Receiver,
    subscribed: Subscribed,
    post: Post,
    rhythm: Rhythm,
}

/// What there is to do.
enum Next {
    ToSend(Vec<Waiting>),
    /// Messages for all copies.
    ForAll(Vec<Message>),
    /// Messages for this copy alone.
    ForThis(Vec<Message>),
}

/// What a copy receives.
struct Subscribed {
    /// By which client. Where another has taken its place, nothing more comes.
    client: Arc<Client>,
    /// Changes and beacons of all.
    changes: BoxStream<'static, Vec<Message>>,
    /// Messages for this copy.
    replays: BoxStream<'static, Vec<Message>>,
}

/// Publishes the messages of a copy.
struct Post {
    link: Link,
    origin: Origin,
    changes: String,
    replays: String,
}

/// When a copy says what it has.
struct Rhythm {
    due: Instant,
    /// When it says so, however many changes there are.
    latest: Option<Instant>,
    /// How long after that again.
    pause: Duration,
    heartbeat: Duration,
}

/// Connects a new copy to the others, and waits for what they have.
pub(super) async fn join(options: &CacheOptions) -> Result<Arc<Node>> {
    let link = Link::open(Dialer {
        login: options.login.clone(),
        servers: options.servers.clone(),
        options: |options| options.no_echo().subscription_capacity(WAITING),
    });
    let link = link.await?;
    if link.max_payload() < LEAST_PAYLOAD {
        let problem = format!(
            "the NATS server takes messages of at most {} bytes; set its `max_payload` to at least \
             {LEAST_PAYLOAD}",
            link.max_payload()
        );
        return Err(Error::Unavailable(Failure::new(problem)));
    }
    let counts = link.counts();
    let (node, outgoing) = Node::connected(options.max_bytes, link.max_payload());
    let post = Post {
        origin: node.origin(),
        changes: format!("{}.{}", options.changes, options.name),
        replays: format!("{}.{}", options.replays, options.name),
        link,
    };
    let mut connection = Connection {
        node: Arc::downgrade(&node),
        outgoing,
        subscribed: post.subscribe().await?,
        post,
        rhythm: Rhythm::new(options.heartbeat),
    };
    let is_complete = connection.join(&node).await;
    if options.existing && is_complete && !node.has_joined() {
        // One whose copy is empty does not answer either.
        tracing::warn!(
            "no other process has told what is in this cache; if none has it open, what is \
             written is gone with this one: start one before, such as `keywell serve`"
        );
    }
    if !is_complete {
        tracing::warn!("the copy of the cache is not complete yet; the rest follows");
    }
    node.mark_joined();
    tokio::spawn(connection.run(counts));
    Ok(node)
}

// === impl Connection ===

impl Connection {
    /// Takes part until the copy has what another had, or no other is there. Whether it knows.
    async fn join(&mut self, node: &Node) -> bool {
        let end = Instant::now() + JOINING;
        let mut until = Instant::now() + GREETING;
        while Instant::now() < until.min(end) {
            // Again and again, as it may be lost.
            node.tick();
            let wait = Instant::now() + GREETING / 3;
            while let Ok(next) = timeout_at(wait, self.next()).await {
                if matches!(next, Next::ForThis(_)) {
                    until = Instant::now() + GREETING;
                }
                self.take(next).await;
                if node.has_joined() {
                    return true;
                }
            }
        }
        Instant::now() < end
    }

    async fn run(mut self, mut counts: watch::Receiver<Count>) {
        loop {
            let due = self.rhythm.due;
            let next = tokio::select! {
                next = self.next() => next,
                Ok(()) = counts.changed() => {
                    self.subscribe_again().await;
                    self.rhythm.restart();
                    continue;
                }
                () = sleep_until(due) => {
                    self.subscribe_again().await;
                    self.rhythm.next();
                    if let Some(node) = self.node.upgrade() {
                        node.tick();
                    }
                    continue;
                }
            };
            if matches!(&next, Next::ToSend(waiting) if waiting.is_empty()) {
                // The copy is dropped.
                return self.post.flush().await;
            }
            self.take(next).await;
        }
    }

    /// What there is to do. Nothing is lost if it is not waited for.
    async fn next(&mut self) -> Next {
        tokio::select! {
            waiting = self.outgoing.receive(SENT_AT_ONCE) => Next::ToSend(waiting),
            Some(messages) = self.subscribed.changes.next() => Next::ForAll(messages),
            Some(messages) = self.subscribed.replays.next() => Next::ForThis(messages),
        }
    }

    /// Subscribes by the client that has taken the place of another, if one has. A client that lost
    /// its connection subscribes again by itself.
    async fn subscribe_again(&mut self) {
        match self.post.link.client() {
            Some(client) if !Arc::ptr_eq(&client, &self.subscribed.client) => {}
            _ => return,
        }
        match self.post.subscribe().await {
            Ok(subscribed) => self.subscribed = subscribed,
            Err(error) => tracing::warn!("{error}"),
        }
    }

    async fn take(&mut self, next: Next) {
        match next {
            Next::ToSend(waiting) => self.send(waiting).await,
            Next::ForAll(messages) | Next::ForThis(messages) => self.receive(messages),
        }
    }

    fn receive(&mut self, messages: Vec<Message>) {
        let Some(node) = self.node.upgrade() else {
            return;
        };
        let mut decoded = Vec::with_capacity(messages.len());
        for message in messages {
            match wire::decode(&message.payload) {
                Some(known) => decoded.push(known),
                None => node.count_foreign(&message.subject),
            }
        }
        let is_beacon = |message: &Replicated| matches!(message, Replicated::Beacon { .. });
        self.rhythm
            .note(decoded.iter().any(|(_, message)| !is_beacon(message)));
        if !decoded.is_empty() {
            node.receive(decoded);
        }
    }

    /// Sends all, several changes in one message.
    async fn send(&mut self, waiting: Vec<Waiting>) {
        let is_beacon = |waiting: &Waiting| {
            let Waiting::Effect(Effect::Broadcast(message)) = waiting else {
                return false;
            };
            matches!(message, Replicated::Beacon { .. })
        };
        self.rhythm.note(!waiting.iter().all(is_beacon));
        let mut waiting = VecDeque::from(waiting);
        while let Some(next) = waiting.pop_front() {
            match next {
                Waiting::Effect(Effect::Broadcast(Replicated::Update(first))) => {
                    let message = batch(first, &mut waiting);
                    self.post.publish(self.post.to_all(), &message).await;
                }
                Waiting::Effect(Effect::Broadcast(message)) => {
                    self.post.publish(self.post.to_all(), &message).await;
                }
                Waiting::Effect(Effect::Send(origin, message)) => {
                    self.post.publish(self.post.to(origin), &message).await;
                }
                Waiting::Effect(Effect::Applied(_) | Effect::ClockAhead(..)) => {}
                Waiting::Flush(flushed) => {
                    self.post.flush().await;
                    flushed.send(()).ok();
                }
            }
        }
    }
}

/// A write, and what writes wait behind it, as one message.
fn batch(first: Update, waiting: &mut VecDeque<Waiting>) -> Replicated {
    let mut bytes = first.bytes();
    let mut updates = vec![first];
    while let Some(Waiting::Effect(Effect::Broadcast(Replicated::Update(next)))) = waiting.front() {
        bytes += next.bytes();
        if bytes > BATCH {
            break;
        }
        if let Some(Waiting::Effect(Effect::Broadcast(Replicated::Update(next)))) =
            waiting.pop_front()
        {
            updates.push(next);
        }
    }
    Replicated::Updates(updates)
}

// === impl Post ===

impl Post {
    async fn subscribe(&self) -> Result<Subscribed> {
        let client = self.link.client();
        let client = client.ok_or_else(|| {
            Error::Unavailable("the connection to NATS broke while the cache joined".into())
        })?;
        let subscribe = async |subject: String| match client.subscribe(subject).await {
            Ok(subscriber) => Ok(subscriber.ready_chunks(AT_ONCE).boxed()),
            Err(error) => {
                let failure = Failure::caused_by("NATS takes no subscription", error);
                Err(Error::Unavailable(failure))
            }
        };
        let changes = subscribe(self.to_all()).await?;
        let replays = subscribe(self.to(self.origin)).await?;
        Ok(Subscribed {
            client,
            changes,
            replays,
        })
    }

    async fn publish(&self, subject: String, message: &Replicated) {
        // What is sent while there is no connection would arrive late, and is asked for then anyway.
        let Some(client) = self.link.client() else {
            return;
        };
        let Some(payload) = wire::encode(self.origin, message) else {
            return;
        };
        let bytes = payload.len();
        if let Err(error) = client.publish(subject, payload).await {
            tracing::warn!(bytes, "a message to other copies was not sent: {error}");
        }
    }

    /// Waits until the server has taken what was sent.
    async fn flush(&self) {
        let Some(client) = self.link.client() else {
            return;
        };
        // The server answers that there is no subscriber, after all that was sent before.
        let subject = format!("{}.flush", self.to(self.origin));
        let answer = client.request(subject, bytes::Bytes::new());
        if timeout(FLUSHING, answer).await.is_err() {
            tracing::warn!("NATS has not acknowledged the last writes to the cache");
        }
    }

    fn to_all(&self) -> String {
        self.changes.clone()
    }

    fn to(&self, origin: Origin) -> String {
        let Origin { node, incarnation } = origin;
        format!("{}.{node:x}.{incarnation:x}", self.replays)
    }
}

// === impl Rhythm ===

impl Rhythm {
    fn new(heartbeat: Duration) -> Self {
        let pause = PAUSE.min(heartbeat);
        Self {
            due: Instant::now() + pause,
            latest: None,
            pause,
            heartbeat,
        }
    }

    /// Copies may differ now: says what this one has once no more changes follow, then less and less
    /// often. What is on its way would be asked for otherwise.
    fn note(&mut self, may_differ: bool) {
        if may_differ {
            let now = Instant::now();
            self.pause = PAUSE.min(self.heartbeat);
            let latest = *self.latest.get_or_insert(now + LATEST.min(self.heartbeat));
            self.due = latest.min(now + self.pause);
        }
    }

    /// Says it now.
    fn restart(&mut self) {
        self.pause = PAUSE.min(self.heartbeat);
        self.due = Instant::now();
    }

    fn next(&mut self) {
        self.latest = None;
        self.due = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(self.heartbeat);
    }
}
