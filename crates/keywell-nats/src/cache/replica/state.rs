use super::clock::Clock;
use super::dots::{Budget, Dots};
use super::entry::Entry;
use super::message::{Effect, Update};
use super::origin::Dot;
use super::seen::Seen;
use super::table::Table;

/// How far ahead a clock may be without a report, in microseconds.
const AHEAD: u64 = 60_000_000;

/// What a copy holds, and which writes it has seen. A write that was seen and is not held was deleted
/// or replaced.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) seen: Seen,
    pub(crate) table: Table,
}

// === impl State ===

impl State {
    /// Takes a write of another copy.
    pub(crate) fn take_update(&mut self, update: Update, now: u64) -> Vec<Effect> {
        // The value it adds to is on its way, or comes with a pull; and so will this.
        if update.adds_to.is_some_and(|dot| !self.seen.has(dot)) {
            return Vec::new();
        }
        let mut replaced = Seen::default();
        for dot in &update.replaced {
            replaced.add(*dot);
        }
        let effects = self.take(&update.key, update.entry.as_ref(), &replaced, now);
        for dot in update.replaced {
            self.seen.add(dot);
        }
        effects
    }

    /// Merges what a peer holds of a key. The peer has seen these writes, and those of the entry.
    pub(crate) fn take(
        &mut self,
        key: &str,
        theirs: Option<&Entry>,
        seen: &Seen,
        now: u64,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        if theirs.is_some_and(is_too_late) {
            return effects;
        }
        if let Some(stamp) = theirs.and_then(|entry| entry.stamps().max()) {
            // What follows a clock that is ahead is ahead as well, and is not reported.
            if stamp.micros > self.clock.at(now) + AHEAD {
                effects.push(Effect::ClockAhead(stamp.origin, stamp.micros - now));
            }
            self.clock.see(stamp);
        }
        let ours = self.table.get(key);
        let merged = Entry::merge(ours, &self.seen, theirs, seen);
        if merged.as_ref() != ours {
            self.table.put(key, merged);
            effects.push(Effect::Applied(key.to_owned()));
        }
        for dot in theirs.into_iter().flat_map(|entry| entry.elements.keys()) {
            self.seen.add(*dot);
        }
        effects
    }

    /// Drops what a peer has seen and does not hold.
    pub(crate) fn drop_gone(&mut self, gone: &Dots) -> Vec<Effect> {
        let keys = self.table.keys_of(gone.iter());
        let keys = keys.into_iter().map(|(key, dots)| {
            self.table.remove(&key, &dots);
            Effect::Applied(key.to_string())
        });
        keys.collect()
    }

    /// Which of these writes were seen and are not held, as far as there is room for them.
    pub(crate) fn gone(&self, dots: impl Iterator<Item = Dot>, most: usize) -> Dots {
        let mut budget = Budget::new(most);
        let gone = dots.filter(|dot| !self.table.holds(*dot) && self.seen.has(*dot));
        gone.take_while(|dot| budget.take(*dot)).collect()
    }
}

/// Whether no clock can be as late as an entry says.
fn is_too_late(entry: &Entry) -> bool {
    entry.stamps().any(|stamp| stamp.micros > Clock::LATEST)
}
