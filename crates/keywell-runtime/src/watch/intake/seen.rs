use std::collections::HashMap;
use std::sync::Arc;

/// When keys that are named in full were told last, counted in such keys told, so that what was read
/// of one is not delivered behind what was told since the reading began.
#[derive(Default)]
pub(crate) struct Told {
    count: u64,
    latest: HashMap<Arc<str>, u64>,
}

// === impl Told ===

impl Told {
    pub(crate) fn tell(&mut self, key: &Arc<str>) {
        self.count += 1;
        self.latest.insert(key.clone(), self.count);
    }

    /// The moment, for [`Self::is_told_since`].
    pub(crate) fn now(&self) -> u64 {
        self.count
    }

    pub(crate) fn is_told_since(&self, key: &str, moment: u64) -> bool {
        self.latest.get(key).is_some_and(|told| *told > moment)
    }
}
