use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keywell_store::{Error, Failure, Invalid};
use parking_lot::RwLock;
use tokio::sync::mpsc;

use super::replica::{Effect, Message, Origin, Refused, Replica};

/// The copy of a cache in this process, and the way to the others.
pub(super) struct Node {
    replica: RwLock<Replica>,
    /// To the connection, if there is one. What does not fit is made good by the next comparison.
    outgoing: Option<mpsc::Sender<Effect>>,
    max_bytes: usize,
    /// The largest value, with its key.
    pub(super) largest: usize,
}

/// How many messages wait for the connection.
const QUEUE: usize = 16_384;

// === impl Node ===

impl Node {
    /// The only copy of a cache.
    pub(super) fn alone(max_bytes: Option<usize>) -> Arc<Self> {
        Arc::new(Self {
            replica: RwLock::new(Replica::new(origin(), usize::MAX)),
            outgoing: None,
            max_bytes: max_bytes.unwrap_or(usize::MAX),
            largest: usize::MAX,
        })
    }

    /// One of several copies, and the messages that it sends.
    pub(super) fn connected(
        max_bytes: Option<usize>,
        largest: usize,
    ) -> (Arc<Self>, mpsc::Receiver<Effect>) {
        let (outgoing, effects) = mpsc::channel(QUEUE);
        let node = Self {
            replica: RwLock::new(Replica::new(origin(), largest / 2)),
            outgoing: Some(outgoing),
            max_bytes: max_bytes.unwrap_or(usize::MAX),
            largest,
        };
        (Arc::new(node), effects)
    }

    pub(super) fn origin(&self) -> Origin {
        self.replica.read().origin()
    }

    /// Reads.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Replica) -> T) -> T {
        read(&self.replica.read())
    }

    /// Writes, and has what follows from it sent.
    pub(super) fn write<T>(&self, write: impl FnOnce(&mut Replica, u64) -> (T, Vec<Effect>)) -> T {
        let mut replica = self.replica.write();
        let (answer, mut effects) = write(&mut replica, now());
        while replica.bytes() > self.max_bytes {
            let Some(oldest) = replica.oldest() else {
                break;
            };
            effects.extend(replica.delete(&oldest));
        }
        // Sent under the lock, so that others see the writes of this process in order.
        if let Some(outgoing) = &self.outgoing {
            for effect in effects {
                if let Effect::ClockAhead(origin, micros) = effect {
                    let ahead = Duration::from_micros(micros);
                    tracing::warn!(
                        node = origin.node,
                        ?ahead,
                        "the clock of another process is ahead"
                    );
                    continue;
                }
                if outgoing.try_send(effect).is_err() {
                    tracing::debug!("a message to other copies was dropped; they will ask for it");
                }
            }
        }
        answer
    }

    /// Takes a message of another copy.
    pub(super) fn receive(&self, from: Origin, message: Message) {
        self.write(|replica, now| ((), replica.receive(from, message, now)));
    }

    /// Has it said what this copy holds.
    pub(super) fn tick(&self) {
        self.write(|replica, now| ((), replica.tick(now)));
    }
}

/// A process that starts now. Those of one machine share a node.
fn origin() -> Origin {
    let host = std::fs::read("/etc/machine-id").or_else(|_| std::fs::read("/etc/hostname"));
    let node = host.map_or_else(|_| rand::random(), |host| super::replica::hash(&host));
    Origin {
        node,
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
            Refused::OtherKind(_) => Self::Internal(Failure::new("the key holds a collection")),
        }
    }
}
