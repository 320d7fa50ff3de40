//! What it costs to find what two copies hold of many keys that differ.

use std::time::Instant;

use super::super::machine::Replica;
use super::pair::{Traffic, copy, exchange};

/// What a copy puts into a message where the server takes 1 MiB.
const MESSAGE_BYTES: usize = 224 << 10;

/// Two equal copies.
fn equal(keys: usize) -> [Replica; 2] {
    let mut copies = [copy(1, MESSAGE_BYTES), copy(2, MESSAGE_BYTES)];
    let [one, other] = &mut copies;
    for number in 0..keys {
        let effects = one.set(&format!("key {number}"), "value".into(), 1);
        exchange([&mut *one, &mut *other], effects, 1);
    }
    assert_eq!(one.root(), other.root());
    copies
}

/// Repairs what differs, by one beacon.
fn repair([one, other]: &mut [Replica; 2], what: &str) -> Traffic {
    let start = Instant::now();
    let effects = one.tick(2_000_000);
    let traffic = exchange([&mut *one, &mut *other], effects, 2_000_000);
    println!("{what}: {traffic:?} in {:?}", start.elapsed());
    assert_eq!(one.root(), other.root(), "{what}");
    assert_eq!(
        one.entries_from("", None).count(),
        other.entries_from("", None).count()
    );
    traffic
}

/// Deletes keys at each copy, in messages that are lost.
fn delete([one, other]: &mut [Replica; 2], keys: impl Iterator<Item = usize>) {
    for number in keys {
        let at = if number % 2 == 0 {
            &mut *one
        } else {
            &mut *other
        };
        drop(at.delete(&format!("key {number}")));
    }
}

fn check(keys: usize) {
    let mut copies = equal(keys);
    delete(
        &mut copies,
        (0..10).map(|number| number * keys / 10 + number),
    );
    let few = repair(&mut copies, &format!("10 of {keys}"));
    assert!(few.bytes < 100 << 10, "{few:?}");
    delete(
        &mut copies,
        (0..keys).filter(|number| number % 10 == 5 || number % 10 == 8),
    );
    let many = repair(&mut copies, &format!("a fifth of {keys}"));
    // All fingerprints, and less than 2 bytes a key.
    assert!(many.bytes < (700 << 10) + 2 * keys, "{many:?}");
    assert!(many.messages < 100, "{many:?}");
}

#[test]
fn few_and_many_lost_deletes_are_repaired_by_one_beacon() {
    check(20_000);
}

#[test]
#[ignore = "takes a minute without optimisation; it prints what the benchmarks page has"]
fn ten_of_a_million_are_repaired_in_little() {
    check(1_000_000);
}
