use super::clock::Clock;
use super::entry::Entry;
use super::message::{Change, Effect};
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
    pub(crate) fn take_change(&mut self, change: Change, now: u64) -> Vec<Effect> {
        // The value it adds to is on its way, or comes with a pull; and so will this.
        if change.adds_to.is_some_and(|dot| !self.seen.has(dot)) {
            return Vec::new();
        }
        let mut seen = Seen::default();
        for dot in &change.replaced {
            seen.add(*dot);
        }
        let theirs = change.entry.as_ref();
        let effects = self.merge(&change.key, theirs, &seen, now);
        // What is held here may have been deleted before, in a message that has not come. It is not
        // seen then, so that a pull decides, which has all that the peer has seen.
        let stands = self.table.get(&change.key).map(|held| held.stamp);
        let is_overruled = stands > theirs.map(|theirs| theirs.stamp);
        if is_overruled {
            return effects;
        }
        self.mark_seen(theirs);
        for dot in change.replaced {
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
        let effects = self.merge(key, theirs, seen, now);
        self.mark_seen(theirs);
        effects
    }

    /// The writes of an entry are held from now on, or something later is.
    fn mark_seen(&mut self, entry: Option<&Entry>) {
        let entry = entry.filter(|entry| !is_too_late(entry));
        for dot in entry.into_iter().flat_map(|entry| entry.elements.keys()) {
            self.seen.add(*dot);
        }
    }

    fn merge(&mut self, key: &str, theirs: Option<&Entry>, seen: &Seen, now: u64) -> Vec<Effect> {
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
            effects.push(Effect::Changed(key.to_owned()));
        }
        effects
    }
}

/// Whether no clock can be as late as an entry says.
fn is_too_late(entry: &Entry) -> bool {
    entry.stamps().any(|stamp| stamp.micros > Clock::LATEST)
}
