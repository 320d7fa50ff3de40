use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keywell_store::{Error, Failure, Invalid, Result};
use parking_lot::{Mutex, RwLock};

use super::key;
use super::outgoing::{self, Outgoing, Receiver};
use super::replica::place;
use super::replica::{Effect, Message, Origin, Refused, Replica, Update};
use super::shown::{Shown, Values};

/// The copy of a cache in this process, and the way to the others.
pub(super) struct Node {
    replica: RwLock<Replica>,
    /// What the copy holds, for readers.
    shown: Shown,
    /// To the connection, if there is one.
    outgoing: Option<Outgoing>,
    max_bytes: usize,
    /// The largest value, with its key.
    pub(super) largest: usize,
    /// Set under the lock of the copy.
    is_closed: AtomicBool,
    /// Processes whose clock was reported.
    ahead: Mutex<BTreeSet<Origin>>,
    foreign: AtomicU64,
    /// Whether there ever was a list or a set.
    has_collections: AtomicBool,
}

/// How many processes are remembered whose clock was reported.
const REPORTED: usize = 1024;

// === impl Node ===

impl Node {
    /// The only copy of a cache.
    pub(super) fn alone(max_bytes: Option<usize>) -> Arc<Self> {
        Arc::new(Self::new(max_bytes, usize::MAX, None))
    }

    /// One of several copies, and what it sends. The server takes messages of this size.
    pub(super) fn connected(max_bytes: Option<usize>, payload: usize) -> (Arc<Self>, Receiver) {
        let (outgoing, receiver) = outgoing::channel();
        // An entry, the entries that a message has already, and what else is in it.
        let largest = payload / 2 - payload / 16;
        (
            Arc::new(Self::new(max_bytes, largest, Some(outgoing))),
            receiver,
        )
    }

    fn new(max_bytes: Option<usize>, largest: usize, outgoing: Option<Outgoing>) -> Self {
        let mut replica = Replica::new(origin(), largest / 2);
        if max_bytes.is_some() {
            // It keeps the order of ages from now on.
            replica.oldest();
        }
        let max_bytes = max_bytes.unwrap_or(usize::MAX);
        Self {
            replica: RwLock::new(replica),
            shown: Shown::default(),
            outgoing,
            max_bytes,
            // A value leaves room for others.
            largest: largest.min(max_bytes / 2),
            is_closed: AtomicBool::new(false),
            ahead: Mutex::default(),
            foreign: AtomicU64::new(0),
            has_collections: AtomicBool::new(false),
        }
    }

    pub(super) fn origin(&self) -> Origin {
        self.replica.read().origin()
    }

    /// The values of a bucket.
    pub(super) fn values(&self, bucket: &str) -> Arc<Values> {
        self.shown.bucket(bucket)
    }

    /// Reads what [`values`](Self::values) do not show.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Replica) -> T) -> T {
        read(&self.replica.read())
    }

    /// Writes, and has the write sent.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce(&mut Replica, u64) -> Result<(T, Vec<Effect>), Refused>,
    ) -> Result<T> {
        let mut replica = self.replica.write();
        if self.is_closed.load(Ordering::Relaxed) {
            let closed = Failure::new("the store is closed");
            return Err(Error::Unavailable(closed));
        }
        let (answer, effects) = write(&mut replica, now())?;
        self.carry_out(&replica, effects);
        self.evict(&mut replica, self.max_bytes);
        Ok(answer)
    }

    /// Takes messages of other copies.
    pub(super) fn receive(&self, messages: impl IntoIterator<Item = (Origin, Message)>) {
        let mut replica = self.replica.write();
        for (from, message) in messages {
            let effects = replica.receive(from, message, now());
            self.carry_out(&replica, effects);
        }
        // The copy that writes past the bound evicts, so that not every copy sends these deletes.
        let most = self.max_bytes.saturating_add(self.max_bytes / 8);
        if replica.bytes() > most {
            self.evict(&mut replica, self.max_bytes);
        }
    }

    /// Has it said what this copy holds.
    pub(super) fn tick(&self) {
        let mut replica = self.replica.write();
        self.evict(&mut replica, self.max_bytes);
        let effects = replica.tick(now());
        self.carry_out(&replica, effects);
    }

    pub(super) fn has_joined(&self) -> bool {
        self.replica.read().has_joined()
    }

    /// Takes it that no other copy is there.
    pub(super) fn mark_joined(&self) {
        self.replica.write().mark_joined();
    }

    /// Refuses writes from now on. What was written before is in the queue of what is sent.
    pub(super) fn close(&self) -> Option<&Outgoing> {
        let replica = self.replica.write();
        self.is_closed.store(true, Ordering::Relaxed);
        drop(replica);
        self.outgoing.as_ref()
    }

    /// Counts a message that is of no copy of this version. The first is logged as a warning.
    pub(super) fn count_foreign(&self, subject: &str) {
        let foreign = self.foreign.fetch_add(1, Ordering::Relaxed) + 1;
        if foreign == 1 {
            tracing::warn!(
                subject,
                "a message is not of this version of the cache, and is ignored"
            );
        } else {
            tracing::debug!(subject, foreign, "a foreign message is ignored");
        }
    }

    /// Whether there ever was a list or a set.
    pub(super) fn has_collections(&self) -> bool {
        self.has_collections.load(Ordering::Acquire)
    }

    /// How many messages were of no copy of this version.
    pub(super) fn foreign(&self) -> u64 {
        self.foreign.load(Ordering::Relaxed)
    }

    /// Deletes the keys written longest ago, here and at all others, while there are more bytes.
    fn evict(&self, replica: &mut Replica, most: usize) {
        while replica.bytes() > most {
            let Some(oldest) = replica.oldest() else {
                return;
            };
            let effects = replica.delete(&oldest);
            self.carry_out(replica, effects);
        }
    }

    /// Shows what is changed, and sends what is to be sent. Called under the lock of the copy, so
    /// that others see the writes of this process in order.
    fn carry_out(&self, replica: &Replica, effects: Vec<Effect>) {
        for effect in effects {
            match &effect {
                Effect::ClockAhead(origin, micros) => {
                    self.report(*origin, Duration::from_micros(*micros));
                }
                Effect::Applied(key) | Effect::Broadcast(Message::Update(Update { key, .. })) => {
                    self.show(replica, key);
                }
                Effect::Broadcast(_) | Effect::Send(..) => {}
            }
            if let Some(outgoing) = &self.outgoing {
                outgoing.send(effect);
            }
        }
    }

    fn show(&self, replica: &Replica, full: &str) {
        if place::collection(full).is_some() {
            self.has_collections.store(true, Ordering::Release);
            return;
        }
        // Other programs may hold other keys.
        let Some((bucket, key)) = key::split(full) else {
            return;
        };
        self.shown.put(bucket, key, replica.shown(full));
    }

    fn report(&self, origin: Origin, ahead: Duration) {
        let mut reported = self.ahead.lock();
        if reported.len() < REPORTED && reported.insert(origin) {
            let Origin { node, incarnation } = origin;
            tracing::warn!(
                node = format!("{node:x}.{incarnation:x}"),
                ?ahead,
                "the clock of another process of the cache is ahead of this one's"
            );
        }
    }
}

/// A process that starts now. Those of one machine are incarnations of one node; machines without an
/// identity, such as containers, are one node together.
fn origin() -> Origin {
    let machine = std::fs::read("/etc/machine-id").unwrap_or_default();
    Origin {
        node: super::replica::hash(machine.trim_ascii()),
        // Two processes do not start in the same microsecond and draw the same number.
        incarnation: (now() << 8) | u64::from(rand::random::<u8>()),
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotANumber => Invalid::NotANumber.into(),
            Refused::Overflow => Invalid::Overflow.into(),
            Refused::OtherKind(kind) => Invalid::Kind(kind).into(),
        }
    }
}
