//! Messages fit into those of a server, however much has to be said.

use super::super::entry::Entry;
use super::super::machine::Replica;
use super::super::message::{Effect, Message};
use super::super::origin::Origin;
use super::pair::{Traffic, copy, exchange};

/// What a server takes, and how many bytes of entries a copy puts into a message there.
const PAYLOAD: usize = 64 << 10;
const MESSAGE_BYTES: usize = 14 << 10;
const NODES: u64 = 10;
const INCARNATIONS: u64 = 1000;
/// How many of them added to one counter.
const ADDED: u64 = 200;
/// How many writes were lost, none beside another.
const GAPS: u64 = 10_000;

/// A copy that has the writes of 10,000 incarnations.
fn full() -> Replica {
    let mut full = copy(100, MESSAGE_BYTES);
    for node in 1..=NODES {
        for incarnation in 1..=INCARNATIONS {
            let mut writer = Replica::new(Origin { node, incarnation }, MESSAGE_BYTES);
            let mut effects = writer.set(&format!("{node} {}", incarnation % 50), "v".into(), 1);
            if incarnation <= ADDED {
                effects.extend(writer.increment("counter", 1, 1).expect("it counts").1);
            }
            take(&mut full, writer.origin(), effects);
        }
    }
    full
}

fn take(to: &mut Replica, from: Origin, effects: Vec<Effect>) {
    for effect in effects {
        if let Effect::Broadcast(message) = effect {
            drop(to.receive(from, message, 1));
        }
    }
}

/// Has both say what they have until they are equal.
fn become_equal(one: &mut Replica, other: &mut Replica) -> Traffic {
    let mut traffic = Traffic::default();
    for second in 1..100 {
        if one.root() == other.root() && one.seen() == other.seen() {
            return traffic;
        }
        let now = second * 2_000_000;
        let effects = one.tick(now);
        traffic = traffic.and(exchange([&mut *one, &mut *other], effects, now));
        let effects = other.tick(now);
        traffic = traffic.and(exchange([&mut *other, &mut *one], effects, now));
    }
    panic!("copies do not become equal: {traffic:?}");
}

#[test]
fn messages_fit_after_ten_thousand_incarnations_and_gaps() {
    let mut full = full();
    assert_eq!(full.seen().origins() as u64, NODES * INCARNATIONS);
    let mut late = Replica::new(
        Origin {
            node: 101,
            incarnation: 1,
        },
        MESSAGE_BYTES,
    );
    let traffic = become_equal(&mut late, &mut full);
    println!("a copy that joins: {traffic:?}");
    assert!(
        late.has_joined() && traffic.largest < PAYLOAD,
        "{traffic:?}"
    );
    let number = late.entry("counter").and_then(Entry::number);
    assert_eq!(
        number,
        Some(i64::try_from(NODES * ADDED).expect("it is small"))
    );

    // Every second message of a writer is lost, to both.
    let mut writer = copy(200, MESSAGE_BYTES);
    for number in 0..2 * GAPS {
        let effects = writer.set(&format!("of the writer {}", number % 100), "v".into(), 1);
        if number % 2 == 0 {
            take(&mut full, writer.origin(), effects);
        }
    }
    for copy in [&mut full, &mut late] {
        let traffic = become_equal(copy, &mut writer);
        println!("a copy with gaps: {traffic:?}");
        assert!(traffic.largest < PAYLOAD, "{traffic:?}");
    }
    become_equal(&mut full, &mut late);

    // All are deleted at one, in messages that are lost.
    for number in 0..100 {
        drop(full.delete(&format!("of the writer {number}")));
    }
    let traffic = become_equal(&mut late, &mut full);
    println!("lost deletes: {traffic:?}");
    assert!(traffic.largest < PAYLOAD, "{traffic:?}");

    let set = full.set("counter", "5".into(), 2);
    assert!(set.len() > 2, "{}", set.len());
    let messages = set.iter().map(|effect| match effect {
        Effect::Broadcast(message @ Message::Update(_)) => message,
        other => panic!("{other:?}"),
    });
    for message in messages {
        let bytes = postcard::to_allocvec(message).expect("it is encoded").len();
        assert!(bytes < PAYLOAD, "{bytes}");
    }
    let origin = full.origin();
    take(&mut late, origin, set);
    assert_eq!(late.root(), full.root());
    let elements = late.entry("counter").map(|entry| entry.elements.len());
    assert_eq!(elements, Some(1));
}
