//! Writes that a process replaces and then ends: what it replaced must not be lost with it.

use super::super::entry::Entry;
use super::super::machine::Replica;
use super::super::message::{Effect, Message};
use super::super::origin::{Dot, Origin};
use super::pair::copy;

const MESSAGE_BYTES: usize = 1 << 16;

fn messages(effects: Vec<Effect>) -> Vec<Message> {
    let messages = effects.into_iter().filter_map(|effect| match effect {
        Effect::Broadcast(message) | Effect::Send(_, message) => Some(message),
        Effect::Applied(_) | Effect::ClockAhead(..) => None,
    });
    messages.collect()
}

/// Delivers messages, and answers what is sent in return.
fn deliver(from: Origin, to: &mut Replica, messages: Vec<Message>) -> Vec<Message> {
    let effects = messages.into_iter();
    let effects = effects.flat_map(|message| to.receive(from, message, 1));
    self::messages(effects.collect())
}

fn pulls(mut messages: Vec<Message>) -> Vec<Message> {
    messages.retain(|message| matches!(message, Message::Pull { .. }));
    messages
}

fn value(replica: &Replica) -> Option<String> {
    let value = replica.entry("k").and_then(Entry::value)?;
    Some(String::from_utf8_lossy(&value).into_owned())
}

/// A peer replaces a value while two copies compare, and says that the old one is gone.
#[test]
fn what_is_gone_at_a_peer_stays_until_what_replaced_it_is_here() {
    let (mut one, mut other) = (copy(1, MESSAGE_BYTES), copy(2, MESSAGE_BYTES));
    for key in ["j", "k"] {
        let set = messages(one.set(key, "old".into(), 1));
        deliver(one.origin(), &mut other, set);
    }
    // None of these arrives.
    drop(other.delete("j"));
    let beacon = messages(other.tick(2_000_000));
    let ranges = deliver(other.origin(), &mut one, beacon);
    let leaves = deliver(one.origin(), &mut other, ranges);
    let held = deliver(other.origin(), &mut one, leaves);
    drop(other.set("k", "new".into(), 1));
    let compared = deliver(one.origin(), &mut other, held);
    assert!(matches!(compared[..], [Message::Compared { .. }]));
    let asked = deliver(other.origin(), &mut one, compared);
    // The other may end here.
    assert_eq!(value(&one).as_deref(), Some("old"));
    let answer = deliver(one.origin(), &mut other, asked);
    deliver(other.origin(), &mut one, answer);
    assert_eq!(value(&one).as_deref(), Some("new"));
    assert!(one.entry("j").is_none());
}

/// A peer replaces a value between two chunks, by a write that would have been in the first.
#[test]
fn what_a_peer_replaces_during_a_pull_is_not_taken_for_deleted() {
    let (mut one, mut other, mut third) = (copy(1, 200), copy(2, 200), copy(3, 200));
    let old = messages(third.set("k", "old".into(), 1));
    deliver(third.origin(), &mut other, old);
    for number in 0..20 {
        drop(other.set(&format!("of the other {number}"), "value".into(), 1));
    }
    let first = Dot {
        origin: third.origin(),
        number: 1,
    };
    let beacon = messages(other.tick(1));
    let mut pull = pulls(deliver(other.origin(), &mut one, beacon));
    let (mut chunks, mut is_replaced) = (0, false);
    while let [Message::Pull { from, .. }] = pull[..] {
        if from.origin == third.origin() && !is_replaced {
            drop(other.set("k", "new".into(), 1));
            is_replaced = true;
        }
        let chunk = deliver(one.origin(), &mut other, pull);
        pull = pulls(deliver(other.origin(), &mut one, chunk));
        chunks += 1;
    }
    assert!(is_replaced && chunks > 2, "{chunks}");
    assert!(!one.seen().has(first) && value(&one).is_none());
    // The next beacon brings what replaced it.
    let mut forth = messages(other.tick(2));
    for _ in 0..100 {
        let back = deliver(other.origin(), &mut one, forth);
        forth = deliver(one.origin(), &mut other, back);
    }
    assert!(one.seen().has(first));
    assert_eq!(value(&one).as_deref(), Some("new"));
}

/// A value that replaces more than a message names is in each of its messages.
#[test]
fn the_rest_of_what_a_write_replaces_arrives_with_it() {
    let most = 2 * Dot::BYTES;
    let mut one = copy(1, most);
    let mut other = copy(2, most);
    for node in 3..6 {
        let mut writer = copy(node, most);
        let set = messages(writer.set("k", "old".into(), node));
        for to in [&mut one, &mut other] {
            deliver(writer.origin(), to, set.clone());
        }
    }
    let mut set = messages(one.set("k", "new".into(), 9));
    assert_eq!(set.len(), 2);
    // The first is lost, and the writer ends.
    deliver(one.origin(), &mut other, set.split_off(1));
    let held = other.entry("k").map(|entry| entry.elements.len());
    assert_eq!(held, Some(3));
    assert_eq!(value(&other).as_deref(), Some("new"));
}

/// A process removes its own value when a later one arrives. Both writers end then.
#[test]
fn a_value_that_was_overruled_is_removed_with_the_one_that_shows() {
    let mut copies = [1, 2, 3].map(|node| copy(node, MESSAGE_BYTES));
    let [one, other, third] = &mut copies;
    let earlier = messages(one.set("k", "earlier".into(), 1));
    deliver(one.origin(), third, earlier);
    let later = messages(other.set("k", "later".into(), 2));
    let removed = deliver(other.origin(), one, later);
    assert_eq!(value(third).as_deref(), Some("earlier"));
    deliver(one.origin(), third, removed);
    assert_eq!(value(third).as_deref(), Some("later"));
}
