use std::collections::BTreeMap;

/// Which writes of one origin a node has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Numbers {
    /// All up to this one.
    pub(crate) through: u64,
    /// First and last of the runs beyond, none adjacent to another.
    pub(crate) beyond: BTreeMap<u64, u64>,
}

/// About how many bytes a row of an origin has in a message.
pub(crate) const ROW: usize = 32;
/// About how many bytes a run has.
pub(crate) const RUN: usize = 12;

// === impl Numbers ===

impl Numbers {
    pub(crate) fn has(&self, number: u64) -> bool {
        self.next_unseen(number) != number
    }

    /// The first from this one on that it does not have.
    pub(crate) fn next_unseen(&self, number: u64) -> u64 {
        if number <= self.through {
            return self.through.saturating_add(1);
        }
        let run = self.beyond.range(..=number).next_back();
        run.map_or(number, |(_, last)| number.max(last.saturating_add(1)))
    }

    /// Adds all from the first to the last. What a stranger sends may be no run.
    pub(crate) fn add(&mut self, mut first: u64, mut last: u64) {
        if first > last || last == u64::MAX {
            return;
        }
        if first <= self.through + 1 {
            self.through = self.through.max(last);
        } else {
            let before = self.beyond.range(..=first).next_back();
            if let Some((start, end)) = before
                && end + 1 >= first
            {
                first = *start;
                last = last.max(*end);
            }
            while let Some((start, end)) = self.run_from(first, last + 1) {
                self.beyond.remove(&start);
                last = last.max(end);
            }
            self.beyond.insert(first, last);
        }
        while let Some(run) = self.beyond.first_entry() {
            if *run.key() > self.through + 1 {
                break;
            }
            self.through = self.through.max(*run.get());
            run.remove();
        }
    }

    /// What it has from one number on, and before another.
    pub(crate) fn within(&self, first: u64, before: u64) -> Self {
        let mut within = Self::default();
        let runs = self.beyond.iter().map(|(first, last)| (*first, *last));
        for (start, stop) in std::iter::once((1, self.through)).chain(runs) {
            within.add(start.max(first), stop.min(before.saturating_sub(1)));
        }
        within
    }

    /// About how many bytes a message has with it and its origin.
    pub(crate) fn bytes(&self) -> usize {
        ROW + RUN * self.beyond.len()
    }

    /// The first run that starts between two numbers.
    fn run_from(&self, first: u64, last: u64) -> Option<(u64, u64)> {
        let run = self.beyond.range(first..=last).next();
        run.map(|(start, end)| (*start, *end))
    }
}
