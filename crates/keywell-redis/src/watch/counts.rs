//! How many events of one key each watcher has heard.
//!
//! A watcher appears at most once, and no count is lost when two sets are merged.

/// Events per watcher, by the watcher's number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EventCounts(Vec<(u64, u64)>);

// === impl EventCounts ===

impl EventCounts {
    pub(super) fn one(watcher: u64, events: u64) -> Self {
        Self(vec![(watcher, events)])
    }

    pub(super) fn add(&mut self, watcher: u64, events: u64) {
        match self.0.iter_mut().find(|(number, _)| *number == watcher) {
            Some((_, counted)) => *counted += events,
            None => self.0.push((watcher, events)),
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (watcher, events) in other.0 {
            self.add(watcher, events);
        }
    }
}

impl IntoIterator for EventCounts {
    type Item = (u64, u64);
    type IntoIter = std::vec::IntoIter<(u64, u64)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_counts_add_up_per_watcher() {
        let mut counts = EventCounts::one(1, 2);
        counts.add(3, 1);
        let mut other = EventCounts::one(3, 4);
        other.add(5, 1);
        counts.merge(other);
        let counts: Vec<_> = counts.into_iter().collect();
        assert_eq!(counts, [(1, 2), (3, 5), (5, 1)]);
    }
}
