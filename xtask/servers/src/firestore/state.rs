//! What the connections of the fake share, and what a test sets.

use std::collections::BTreeMap;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tonic::{Code, Status};

use super::documents::Documents;

/// The field of the policy of times to live.
const EXPIRES: &str = "expires";

pub(super) struct State {
    /// `projects/P/databases/D`
    pub(super) database: String,
    /// Whether requests need a token.
    pub(super) needs_token: bool,
    documents: Mutex<Documents>,
    changes: watch::Sender<u64>,
    listener_ends: watch::Sender<u64>,
    refusal: Mutex<Option<(Code, String)>>,
    counts: Mutex<BTreeMap<String, usize>>,
    is_collecting: Mutex<bool>,
}

// === impl State ===

impl State {
    pub(super) fn new(database: String, needs_token: bool) -> Self {
        Self {
            database,
            needs_token,
            documents: Mutex::default(),
            changes: watch::Sender::new(0),
            listener_ends: watch::Sender::new(0),
            refusal: Mutex::default(),
            counts: Mutex::default(),
            is_collecting: Mutex::new(true),
        }
    }

    pub(super) fn documents(&self) -> MutexGuard<'_, Documents> {
        self.documents.lock()
    }

    /// Wakes listeners, after a change.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn end_listeners(&self) {
        self.listener_ends.send_modify(|count| *count += 1);
    }

    pub(super) fn listener_ends(&self) -> watch::Receiver<u64> {
        self.listener_ends.subscribe()
    }

    pub(super) fn refuse(&self, refusal: Option<(Code, String)>) {
        *self.refusal.lock() = refusal;
        self.changed();
    }

    /// Whether requests are answered at all.
    pub(super) fn check(&self) -> Result<(), Status> {
        match &*self.refusal.lock() {
            Some((code, message)) => Err(Status::new(*code, message.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn count(&self, method: &str) {
        *self.counts.lock().entry(method.to_owned()).or_default() += 1;
    }

    pub(super) fn counted(&self, method: &str) -> usize {
        self.counts.lock().get(method).copied().unwrap_or_default()
    }

    pub(super) fn set_collecting(&self, is_collecting: bool) {
        *self.is_collecting.lock() = is_collecting;
    }

    pub(super) fn is_collecting(&self) -> bool {
        *self.is_collecting.lock()
    }

    /// Deletes what has expired.
    pub(super) fn collect(&self) -> usize {
        let collected = self.documents().collect(EXPIRES);
        if collected > 0 {
            self.changed();
        }
        collected
    }
}
