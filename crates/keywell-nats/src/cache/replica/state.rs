use super::clock::Clock;
use super::dots::{Budget, Dots};
use super::entry::Entry;
use super::message::{Effect, Message};
use super::origin::{Dot, Origin};
use super::seen::Seen;
use super::table::Table;
use super::update::Update;

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
    pub(crate) fn take_update(&mut self, mut update: Update, now: u64, effects: &mut Vec<Effect>) {
        // The value it adds to is on its way, or comes with a pull; and so will this.
        if update.adds_to.is_some_and(|dot| !self.seen.has(dot)) {
            return;
        }
        let theirs = update.entry.unwrap_or_default();
        if is_too_late(&theirs) {
            return;
        }
        let replaced = &mut update.replaced;
        replaced.sort_unstable();
        let is_replaced = |dot| replaced.binary_search(&dot).is_ok();
        self.take(update.key, theirs, is_replaced, now, effects);
        for dot in replaced {
            self.seen.add(*dot);
        }
    }

    /// Merges what a peer holds of a key. The peer has seen these writes, and those of the entry.
    pub(crate) fn take(
        &mut self,
        key: String,
        theirs: Entry,
        have_they_seen: impl Fn(Dot) -> bool,
        now: u64,
        effects: &mut Vec<Effect>,
    ) {
        if is_too_late(&theirs) {
            return;
        }
        if let Some(stamp) = theirs.stamps().max() {
            // What follows a clock that is ahead is ahead as well, and is not reported.
            if stamp.micros > self.clock.at(now) + AHEAD {
                effects.push(Effect::ClockAhead(stamp.origin, stamp.micros - now));
            }
            self.clock.see(stamp);
        }
        let seen = &mut self.seen;
        let join = |ours: &mut Entry| ours.join(seen, theirs, have_they_seen);
        if self.table.change(&key, join) {
            effects.push(Effect::Applied(key));
        }
    }

    /// Drops what a peer has seen and does not hold, if this copy has seen the same and so holds what
    /// replaced it. Otherwise asks for what the peer holds of these keys.
    pub(crate) fn take_gone(
        &mut self,
        peer: Origin,
        (seen, gone): (u64, &Dots),
        most: usize,
    ) -> Vec<Effect> {
        let keys = self.table.keys_of(gone).into_iter();
        if seen == self.seen.fingerprint() {
            let keys = keys.map(|(key, dots)| {
                self.table.remove(&key, &dots);
                Effect::Applied(key.to_string())
            });
            return keys.collect();
        }
        let mut left = most;
        let keys = keys.map_while(|(key, dots)| {
            left = left.checked_sub(key.len() + Dot::BYTES * dots.len())?;
            Some((key.to_string(), dots))
        });
        let keys: Vec<_> = keys.collect();
        if keys.is_empty() {
            return Vec::new();
        }
        vec![Effect::Send(peer, Message::Ask(keys))]
    }

    /// All that this copy holds of keys, and which writes of them it has seen and does not hold. Of
    /// keys that hold more than a message has room for, nothing.
    pub(crate) fn answer(&self, keys: Vec<(String, Vec<Dot>)>, most: usize) -> Vec<Update> {
        let mut bytes = 0;
        let updates = keys.into_iter().filter_map(|(key, mut dots)| {
            dots.retain(|dot| !self.table.writes().holds(*dot) && self.seen.has(*dot));
            let entry = self.table.get(&key).cloned();
            let has_room = bytes <= most && entry.as_ref().is_none_or(|entry| entry.fits(most));
            if !has_room || dots.is_empty() {
                return None;
            }
            let update = Update {
                key,
                entry,
                replaced: dots,
                adds_to: None,
            };
            bytes += update.bytes();
            Some(update)
        });
        updates.collect()
    }

    /// Which of these writes were seen and are not held, as far as there is room for them.
    pub(crate) fn gone(&self, dots: impl Iterator<Item = Dot>, most: usize) -> Dots {
        let mut budget = Budget::new(most);
        let gone = dots.filter(|dot| !self.table.writes().holds(*dot) && self.seen.has(*dot));
        gone.take_while(|dot| budget.take(*dot)).collect()
    }
}

/// Whether no clock can be as late as an entry says.
fn is_too_late(entry: &Entry) -> bool {
    entry.stamps().any(|stamp| stamp.micros > Clock::LATEST)
}
