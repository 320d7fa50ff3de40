//! The copy of a bucket that its readers and its follower share, and when it may be read.
//!
//! It is read only while it is complete: it has all that the stream held when its follower found its
//! place, on the connection of then. And only while it has all that this process knows to be stored,
//! the floor: what it wrote, and what it read elsewhere. Otherwise readers ask the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::index::{Arrival, Index};
use super::values::Values;
use super::waiting::Waiting;
use crate::link::Link;

/// How long a write waits for the copy to have it. Readers ask the server after that.
const PATIENCE: Duration = Duration::from_millis(500);

/// A copy of a bucket.
pub(crate) struct NearCopy {
    state: RwLock<State>,
    pub(super) values: Values,
    /// The copy must have all up to this sequence, or it is not read.
    floor: AtomicU64,
    is_complete: watch::Sender<bool>,
    waiting: Waiting,
    /// Wakes the follower when the copy is found to be of another stream.
    doubts: Notify,
    link: Arc<Link>,
}

struct State {
    index: Index,
    is_complete: bool,
    /// The number of the connection on which it was completed.
    connection: u64,
}

/// How far the copy was when a write began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(u64);

// === impl NearCopy ===

impl NearCopy {
    /// An empty copy, which is not read before a follower completes it. Values that are read by
    /// sequence are kept up to so many bytes.
    pub(crate) fn new(link: Arc<Link>, value_bytes: usize) -> Self {
        Self {
            state: RwLock::new(State {
                index: Index::new(String::new()),
                is_complete: false,
                connection: 0,
            }),
            values: Values::new(value_bytes),
            floor: AtomicU64::new(0),
            is_complete: watch::Sender::new(false),
            waiting: Waiting::default(),
            doubts: Notify::new(),
            link,
        }
    }

    /// Reads the copy; `None` while it must not be read.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Index) -> T) -> Option<T> {
        let state = self.state.read();
        let is_current = state.is_complete
            && state.index.is_whole()
            && state.index.applied() >= self.floor.load(Ordering::Acquire)
            && state.connection == self.connection();
        is_current.then(|| look(&state.index))
    }

    /// Marks the beginning of a write.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.state.read().index.applied())
    }

    /// Waits until readers here see a write that was stored at a sequence.
    pub(crate) async fn settle(&self, begun: Mark, sequence: u64) {
        // What the copy had when the write began, was stored before it.
        if sequence <= begun.0 {
            self.floor.fetch_max(sequence, Ordering::AcqRel);
            self.doubt();
            return;
        }
        self.reach(sequence).await;
    }

    /// Waits until readers here see what was read of the server, so that none goes back behind it.
    pub(crate) async fn reach(&self, sequence: u64) {
        if timeout(PATIENCE, self.waiting.reach(sequence)).await != Ok(true) {
            // Readers ask the server until the copy has it.
            self.floor.fetch_max(sequence, Ordering::AcqRel);
        }
    }

    /// Removes a key that the server found to be gone without a message, as purges by hand are.
    pub(crate) fn forget(&self, key: &str, sequence: u64) {
        self.state.write().index.forget(key, sequence);
    }

    /// The copy was found to be of another stream than the server's.
    pub(crate) fn doubt(&self) {
        self.abandon();
        self.doubts.notify_one();
    }

    // What follows is the follower's.

    /// Readers ask the server from here on.
    pub(super) fn abandon(&self) {
        self.state.write().is_complete = false;
        self.waiting.abandon();
        self.is_complete.send_replace(false);
    }

    /// Begins again, with a stream that was created then.
    pub(super) fn restart(&self, created: String) {
        let mut state = self.state.write();
        state.is_complete = false;
        state.index = Index::new(created);
        self.values.clear();
        self.waiting.restart();
        self.is_complete.send_replace(false);
    }

    pub(super) fn apply(&self, arrivals: impl IntoIterator<Item = Arrival>) {
        self.change(|index| {
            arrivals
                .into_iter()
                .for_each(|arrival| index.apply(arrival));
        });
    }

    /// The stream has nothing that was not applied.
    pub(super) fn end(&self) {
        self.change(Index::end);
    }

    /// Nothing is left to apply up to a sequence.
    pub(super) fn advance(&self, sequence: u64) {
        self.change(|index| index.advance(sequence));
    }

    /// It has all that the stream held when this connection was found to be good.
    pub(super) fn complete(&self, connection: u64) {
        let mut state = self.state.write();
        state.is_complete = true;
        state.connection = connection;
        self.waiting.complete();
        self.is_complete.send_replace(true);
    }

    /// The floor is of another stream where it is past the last sequence that the server has, as
    /// asked after the floor was read.
    pub(super) fn cap_floor(&self, floor: u64, last: u64) {
        if floor > last {
            // Lost to a write that raised it meanwhile, which is of this stream.
            let _ = self
                .floor
                .compare_exchange(floor, last, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor.load(Ordering::Acquire)
    }

    pub(super) fn applied(&self) -> u64 {
        self.state.read().index.applied()
    }

    /// The sequence of the last message that was applied.
    pub(super) fn last(&self) -> Option<u64> {
        self.state.read().index.last()
    }

    /// The sequence of the last message that came.
    pub(super) fn received(&self) -> u64 {
        self.state.read().index.received()
    }

    pub(super) fn is_same_stream(&self, created: &str, timestamp: Option<u64>) -> bool {
        self.state.read().index.is_same_stream(created, timestamp)
    }

    /// The number of the connection: another one after each time that it was lost.
    pub(super) fn connection(&self) -> u64 {
        self.link.lost()
    }

    pub(super) async fn doubted(&self) {
        self.doubts.notified().await;
    }

    /// Waits until it may be read.
    pub(crate) async fn completed(&self) {
        let mut is_complete = self.is_complete.subscribe();
        // The sender is here.
        let _ = is_complete.wait_for(|is_complete| *is_complete).await;
    }

    fn change(&self, change: impl FnOnce(&mut Index)) {
        let mut state = self.state.write();
        change(&mut state.index);
        let applied = state.index.applied();
        self.waiting.advance(applied);
    }
}
