//! When keys that are named in full had events, so that what was read of a key is not delivered
//! behind an event that came since the reading began.

use std::collections::HashMap;
use std::sync::Arc;

/// The latest event of each key, counted in such events.
#[derive(Default)]
pub(crate) struct SeenKeys {
    count: u64,
    latest: HashMap<Arc<str>, u64>,
}

// === impl SeenKeys ===

impl SeenKeys {
    /// Takes note of an event.
    pub(crate) fn note(&mut self, key: &Arc<str>) {
        self.count += 1;
        self.latest.insert(key.clone(), self.count);
    }

    /// The moment, for [`Self::has_since`].
    pub(crate) fn now(&self) -> u64 {
        self.count
    }

    pub(crate) fn has_since(&self, key: &str, moment: u64) -> bool {
        self.latest.get(key).is_some_and(|latest| *latest > moment)
    }
}
