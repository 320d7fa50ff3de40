use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::replica::Effect;

/// What a copy has to send, in order. What does not fit is dropped, and made good when other copies
/// compare.
pub(super) struct Outgoing {
    sender: mpsc::UnboundedSender<Waiting>,
    waiting: Arc<AtomicUsize>,
}

/// The other end. It ends when the copy is dropped and all is received.
pub(super) struct Receiver {
    receiver: mpsc::UnboundedReceiver<Waiting>,
    waiting: Arc<AtomicUsize>,
}

/// Something to send.
pub(super) enum Waiting {
    Effect(Effect),
    /// Answers when all before is sent.
    Flush(oneshot::Sender<()>),
}

/// How many bytes wait at most.
const BYTES: usize = 64 << 20;

pub(super) fn channel() -> (Outgoing, Receiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::<AtomicUsize>::default();
    let outgoing = Outgoing {
        sender,
        waiting: waiting.clone(),
    };
    (outgoing, Receiver { receiver, waiting })
}

// === impl Outgoing ===

impl Outgoing {
    pub(super) fn send(&self, effect: Effect) {
        if matches!(effect, Effect::Applied(_) | Effect::ClockAhead(..)) {
            return;
        }
        let bytes = bytes(&effect);
        if self.waiting.load(Ordering::Relaxed) + bytes > BYTES {
            tracing::debug!("a message to other copies is dropped; they will ask for it");
            return;
        }
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        // It fails where the connection has ended, with the runtime.
        drop(self.sender.send(Waiting::Effect(effect)));
    }

    /// Waits until all before is sent, as long as there is a connection.
    pub(super) fn flush(&self) -> oneshot::Receiver<()> {
        let (flushed, receiver) = oneshot::channel();
        drop(self.sender.send(Waiting::Flush(flushed)));
        receiver
    }
}

// === impl Receiver ===

impl Receiver {
    /// Waits for something to send, and takes what else there is. Nothing at the end.
    pub(super) async fn receive(&mut self, most: usize) -> Vec<Waiting> {
        let mut received = Vec::new();
        self.receiver.recv_many(&mut received, most).await;
        for waiting in &received {
            if let Waiting::Effect(effect) = waiting {
                self.waiting.fetch_sub(bytes(effect), Ordering::Relaxed);
            }
        }
        received
    }
}

/// About how many bytes it has in memory.
fn bytes(effect: &Effect) -> usize {
    match effect {
        Effect::Broadcast(message) | Effect::Send(_, message) => 256 + message.bytes(),
        Effect::Applied(_) | Effect::ClockAhead(..) => 0,
    }
}
