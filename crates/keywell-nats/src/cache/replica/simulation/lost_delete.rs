use super::super::entry::Entry;
use super::super::machine::Replica;
use super::super::message::{Effect, Message};
use super::pair;

fn copy(node: u64) -> Replica {
    pair::copy(node, 1 << 16)
}

fn messages(effects: Vec<Effect>) -> impl Iterator<Item = Message> {
    effects.into_iter().filter_map(|effect| match effect {
        Effect::Broadcast(message) | Effect::Send(_, message) => Some(message),
        Effect::Applied(_) | Effect::ClockAhead(..) => None,
    })
}

/// Delivers messages of one copy to the other, and what both answer to that.
fn deliver(from: &mut Replica, to: &mut Replica, effects: Vec<Effect>, now: u64) {
    for message in messages(effects) {
        let answers = to.receive(from.origin(), message, now);
        if !answers.is_empty() {
            deliver(to, from, answers, now);
        }
    }
}

fn become_equal(one: &mut Replica, other: &mut Replica) {
    for now in (2..12).map(|second| second * 1_000_000) {
        let effects = one.tick(now);
        deliver(one, other, effects, now);
        let effects = other.tick(now);
        deliver(other, one, effects, now);
    }
    assert_eq!(one.root(), other.root());
}

fn value(replica: &Replica) -> Option<bytes::Bytes> {
    replica.entry("k").and_then(Entry::value)
}

/// Two copies that hold a value which the first then deletes, in a message that is lost.
fn after_a_lost_delete(now: u64) -> (Replica, Replica) {
    let (mut one, mut other) = (copy(1), copy(2));
    let effects = one.set("k", "5".into(), now);
    deliver(&mut one, &mut other, effects, now);
    drop(one.delete("k"));
    assert_eq!(value(&other).as_deref(), Some(&b"5"[..]));
    (one, other)
}

#[test]
fn an_increment_after_a_lost_delete_counts() {
    let (mut one, mut other) = after_a_lost_delete(1);
    let (_, effects) = one.increment("k", 1, 1).expect("it counts");
    deliver(&mut one, &mut other, effects, 1);
    become_equal(&mut one, &mut other);
    assert_eq!(value(&one).as_deref(), Some(&b"1"[..]));
}

/// The third copy has seen that the key was deleted, and not the time at which it was set.
#[test]
fn a_set_by_an_earlier_clock_after_a_lost_delete_stands() {
    let hour = 3_600_000_000;
    let (mut one, mut other) = after_a_lost_delete(hour);
    let mut third = copy(3);
    become_equal(&mut one, &mut third);
    let effects = third.set("k", "6".into(), 1);
    deliver(&mut third, &mut other, effects, 1);
    become_equal(&mut third, &mut other);
    assert_eq!(value(&third).as_deref(), Some(&b"6"[..]));
}

/// A third copy takes the write after the delete first, then the old value from the copy that lost
/// the delete.
fn third_after_a_lost_delete(write: impl FnOnce(&mut Replica) -> Vec<Effect>) -> [Replica; 3] {
    let (mut one, mut other) = after_a_lost_delete(3_600_000_000);
    let mut third = copy(3);
    let effects = write(&mut one);
    for message in messages(effects) {
        drop(third.receive(one.origin(), message.clone(), 1));
        drop(other.receive(one.origin(), message, 1));
    }
    // In one direction alone, so that the other copy stays as it is.
    let effects = other.tick(2);
    deliver(&mut other, &mut third, effects, 2);
    become_equal(&mut one, &mut third);
    become_equal(&mut other, &mut one);
    become_equal(&mut third, &mut other);
    [one, other, third]
}

#[test]
fn an_increment_after_a_lost_delete_counts_at_a_copy_that_joins_then() {
    let copies = third_after_a_lost_delete(|one| one.increment("k", 1, 1).expect("it counts").1);
    for copy in &copies {
        assert_eq!(value(copy).as_deref(), Some(&b"1"[..]));
    }
}

/// The node that sets it has seen the delete, and not the time at which the value was set.
#[test]
fn a_set_after_a_lost_delete_stands_at_a_copy_that_joins_then() {
    let (mut one, mut other) = after_a_lost_delete(3_600_000_000);
    let (mut third, mut late) = (copy(3), copy(4));
    become_equal(&mut one, &mut third);
    for message in messages(third.set("k", "6".into(), 1)) {
        drop(late.receive(third.origin(), message, 1));
    }
    let effects = other.tick(2);
    deliver(&mut other, &mut late, effects, 2);
    become_equal(&mut late, &mut third);
    become_equal(&mut other, &mut late);
    for copy in [third, other, late] {
        assert_eq!(value(&copy).as_deref(), Some(&b"6"[..]));
    }
}
