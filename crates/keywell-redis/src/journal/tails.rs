use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::position::Position;
use super::shard::Shard;
use super::tail::Tail;

/// The tails of a store: one for each shard that is watched, shared by all its watches.
#[derive(Debug, Default)]
pub(crate) struct Tails(Mutex<HashMap<String, Weak<Tail>>>);

// === impl Tails ===

impl Tails {
    /// The tail of a shard, or a new one that follows from this place on.
    pub(crate) fn of(&self, shard: &Arc<Shard>, position: Position) -> Arc<Tail> {
        let mut tails = self.0.lock();
        let known = tails.get(&shard.space().stream()).and_then(Weak::upgrade);
        known.unwrap_or_else(|| start(&mut tails, shard, position))
    }

    /// A new tail of a shard in the place of another, unless it was replaced already.
    /// Watches that have the other one keep it.
    pub(crate) fn renew(
        &self,
        other: &Arc<Tail>,
        shard: &Arc<Shard>,
        position: Position,
    ) -> Arc<Tail> {
        let mut tails = self.0.lock();
        let known = tails.get(&shard.space().stream()).and_then(Weak::upgrade);
        known
            .filter(|known| !Arc::ptr_eq(known, other))
            .unwrap_or_else(|| start(&mut tails, shard, position))
    }

    /// Ends all watches.
    pub(crate) fn close(&self) {
        let tails = std::mem::take(&mut *self.0.lock());
        for tail in tails.values().filter_map(Weak::upgrade) {
            tail.close();
        }
    }
}

fn start(
    tails: &mut HashMap<String, Weak<Tail>>,
    shard: &Arc<Shard>,
    position: Position,
) -> Arc<Tail> {
    let tail = Arc::new(Tail::start(shard.clone(), position));
    tails.retain(|_, tail| tail.strong_count() > 0);
    tails.insert(shard.space().stream(), Arc::downgrade(&tail));
    tail
}
