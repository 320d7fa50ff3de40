//! Emits what watched keys hold, where there is one primary.
//!
//! Events and replies come on one connection in one order. So a value that is read behind the events
//! of its key is the value after exactly those events, and values are emitted in the order of writes.

use keywell_store::Error;
use redis::Value;

use super::key_event::KeyEvent;
use super::members::Members;
use super::pending::Pending;
use super::read_queue::ReadQueue;
use super::value_query::ValueQuery;
use crate::link::{Found, Primary};

/// The keys of one server to be read and emitted.
pub(super) struct ServerReader(ReadQueue<Pending>);

// === impl ServerReader ===

impl ServerReader {
    pub(super) fn new() -> Self {
        Self(ReadQueue::new())
    }

    /// An event of a key, as these watchers have heard. A removal needs no read.
    pub(super) fn hear(
        &mut self,
        name: Vec<u8>,
        watchers: &[u64],
        event: KeyEvent,
        members: &Members,
    ) {
        if let Some(pending) = self.0.awaiting(&name) {
            return pending.hear(watchers, event);
        }
        match event {
            KeyEvent::Written => self.reread(name, Pending::heard(watchers, event), members),
            KeyEvent::Removed { expired } => {
                for watcher in watchers.iter().filter_map(|number| members.get(*number)) {
                    watcher.emit_removal(&name, expired, 1);
                }
            }
        }
    }

    /// Reads and emits a key.
    pub(super) fn reread(&mut self, name: Vec<u8>, pending: Pending, members: &Members) {
        if let Err(pending) = self.0.add(name, pending) {
            pending.gap(members);
        }
    }

    /// The next query to send, unless enough are in flight.
    pub(super) fn next(&mut self) -> Option<(Vec<u8>, ValueQuery)> {
        self.0.next()
    }

    /// The reply to a query.
    pub(super) fn answered(
        &mut self,
        name: Vec<u8>,
        query: ValueQuery,
        reply: Value,
        members: &Members,
    ) {
        let Some((pending, behind)) = self.0.finish(&name, query) else {
            return;
        };
        let reply = match query.complete(reply) {
            Ok(reply) => reply,
            Err(next) => return self.0.queue(name, next, pending, behind),
        };
        let value = match Found::of(reply, &Primary::Only) {
            Found::Here(value) => value.and_then(ValueQuery::value),
            Found::Unknown(error) => Err(error),
            Found::Moved(_) | Found::Asked => {
                Err(Error::Internal("GET was answered by something else".into()))
            }
        };
        pending.emit(&value, &name, members);
        if let Some(behind) = behind {
            self.0.queue(name, ValueQuery::FirstBytes, behind, None);
        }
    }
}
