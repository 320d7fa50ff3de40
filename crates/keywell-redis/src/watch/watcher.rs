//! One watch: which keys it covers, what it subscribes to, and the queue that its reader takes from.
//!
//! Emitting never waits for the reader, and skips names that are no key of the watched bucket.

use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{Event, Filter};

use super::queue::Queue;
use super::subscription::{Subscription, named_keys, subscriptions};
use crate::plain::Keys;

/// A watch of one bucket.
pub(super) struct Watcher {
    number: u64,
    keys: Keys,
    subscriptions: Vec<Subscription>,
    /// The keys whose state is emitted again behind a gap.
    named: Arc<[String]>,
    queue: Queue,
}

// === impl Watcher ===

impl Watcher {
    pub(super) fn new(number: u64, database: u32, keys: Keys, filter: &Filter) -> Self {
        let named: Arc<[String]> = named_keys(filter).into_iter().map(str::to_owned).collect();
        Self {
            number,
            subscriptions: subscriptions(database, &keys, filter),
            keys,
            queue: Queue::new(named.clone()),
            named,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The name at the server of a key of this bucket.
    pub(super) fn full_name(&self, key: &str) -> Vec<u8> {
        self.keys.full(key)
    }

    /// The names at the server of the keys that the filter names exactly.
    pub(super) fn named(&self) -> impl Iterator<Item = Vec<u8>> {
        self.named.iter().map(|key| self.keys.full(key))
    }

    /// Whether the bucket leaves out a name that its subscriptions cover.
    pub(super) fn hides(&self, name: &[u8]) -> bool {
        self.keys.hides(name)
    }

    /// Emits the value to which this many events have led.
    pub(super) fn emit_value(&self, name: &[u8], value: &Bytes, events: u64) {
        let Some(key) = self.keys.key(name) else {
            return;
        };
        let event = Event::Set {
            key: key.to_owned(),
            value: value.clone(),
            version: Some(value.clone().into()),
            token: None,
        };
        self.queue.push(event, events);
    }

    /// Emits the removal to which this many events have led.
    pub(super) fn emit_removal(&self, name: &[u8], expired: bool, events: u64) {
        let Some(key) = self.keys.key(name) else {
            return;
        };
        let event = Event::Delete {
            key: key.to_owned(),
            expired,
            token: None,
        };
        self.queue.push(event, events);
    }
}
