//! Clocks that are far from others.

use super::super::entry::Entry;
use super::super::machine::Replica;
use super::super::message::Effect;
use super::super::origin::Origin;

const HOUR: u64 = 3_600_000_000;

fn replica(node: u64) -> Replica {
    let origin = Origin {
        node,
        incarnation: 1,
    };
    Replica::new(origin, 1 << 16)
}

/// Has a copy take what another sent, and answers which clocks it reports.
fn deliver(from: &Replica, to: &mut Replica, effects: Vec<Effect>, now: u64) -> Vec<u64> {
    let mut reported = Vec::new();
    for effect in effects {
        let Effect::Broadcast(message) = effect else {
            continue;
        };
        for effect in to.receive(from.origin(), message, now) {
            if let Effect::ClockAhead(origin, ahead) = effect {
                assert_eq!(origin, from.origin());
                reported.push(ahead);
            }
        }
    }
    reported
}

#[test]
fn a_clock_an_hour_ahead_is_reported_once_and_merged() {
    let (mut ahead, mut right) = (replica(2), replica(1));
    let mut now = 10 * HOUR;
    let effects = ahead.set("key", "of the future".into(), now + HOUR);
    assert_eq!(deliver(&ahead, &mut right, effects, now), [HOUR]);
    let value = right.entry("key").and_then(Entry::value);
    assert_eq!(value.as_deref(), Some(&b"of the future"[..]));
    // What had seen it stands, and what follows it is not reported.
    let effects = right.set("key", "later".into(), now);
    assert!(deliver(&right, &mut ahead, effects, now + HOUR).is_empty());
    assert_eq!(ahead.entry("key"), right.entry("key"));
    for _ in 0..10 {
        now += 1_000_000;
        let effects = ahead.set("key", "again".into(), now + HOUR);
        assert!(deliver(&ahead, &mut right, effects, now).is_empty());
    }
    assert_eq!(ahead.entry("key"), right.entry("key"));
}

/// A time that no clock shows would leave no later one.
#[test]
fn a_stamp_past_all_clocks_is_none() {
    let (mut broken, mut right) = (replica(2), replica(1));
    let effects = broken.set("key", "value".into(), u64::MAX - 1);
    assert!(deliver(&broken, &mut right, effects, HOUR).is_empty());
    assert_eq!(right.entry("key"), None);
    right.set("key", "value".into(), HOUR);
    let base = right.entry("key").and_then(Entry::base);
    assert_eq!(base.map(|(_, stamp, _)| stamp.micros), Some(HOUR));
}
