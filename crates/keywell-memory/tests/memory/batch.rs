use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;
use keywell_store::Bucket;

use crate::support::{bucket, get, list, now, set, value};

const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn number(bucket: &dyn Bucket, key: &str) -> u64 {
    value(bucket, key).map_or(0, |text| text.parse().expect("a number"))
}

#[test]
fn entries_come_in_the_order_asked_duplicates_included() {
    let bucket = bucket();
    set(&*bucket, "a", "1");
    set(&*bucket, "b", "2");
    let answer = now(bucket.get_many(&["b", "none", "a", "b"]));
    let values: Vec<_> = answer
        .iter()
        .map(|entry| entry.as_ref().map(|entry| &entry.value[..]))
        .collect();
    assert_eq!(values, [Some(&b"2"[..]), None, Some(b"1"), Some(b"2")]);
    assert_eq!(answer[0], get(&*bucket, "b"));
    assert!(now(bucket.get_many(&[])).is_empty());
}

#[test]
fn of_a_key_given_twice_the_last_value_stands() {
    let bucket = bucket();
    let entries = [("a", "1"), ("b", "2"), ("a", "3")];
    now(bucket.set_many(entries.map(|(key, value)| (key, value.into())).into()));
    assert_eq!(value(&*bucket, "a").as_deref(), Some("3"));
    assert_eq!(value(&*bucket, "b").as_deref(), Some("2"));
}

#[test]
fn empty_batches_and_absent_keys_are_no_errors() {
    let bucket = bucket();
    now(bucket.set_many(Vec::new()));
    now(bucket.delete_many(&[]));
    set(&*bucket, "a", "");
    now(bucket.delete_many(&["none", "a", "a"]));
    assert!(list(&*bucket, "", 10).is_empty());
}

#[test]
fn readers_see_a_batch_of_writes_whole_or_not_at_all() {
    let bucket = bucket();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let seen: Vec<_> = now(bucket.get_many(&KEYS))
                        .into_iter()
                        .map(|entry| entry.map(|entry| entry.value))
                        .collect();
                    assert!(seen.iter().all(|value| *value == seen[0]), "{seen:?}");
                    // One by one, what is read later is never older.
                    let first = number(&*bucket, KEYS[7]);
                    let then = number(&*bucket, KEYS[0]);
                    let last = number(&*bucket, KEYS[3]);
                    assert!(first <= then && then <= last, "{first} {then} {last}");
                }
            });
        }
        for round in 1..=5000_u64 {
            let value = Bytes::from(round.to_string());
            now(bucket.set_many(KEYS.map(|key| (key, value.clone())).into()));
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_page_has_all_keys_of_a_batch_or_none() {
    let bucket = bucket();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let listed = list(&*bucket, "", 1000);
                assert!(listed.is_empty() || listed == KEYS, "{listed:?}");
            }
        });
        for _ in 0..5000 {
            now(bucket.set_many(KEYS.map(|key| (key, Bytes::new())).into()));
            now(bucket.delete_many(&KEYS));
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn batches_that_cross_do_not_wait_for_each_other_for_ever() {
    let bucket = bucket();
    let mut backwards = KEYS;
    backwards.reverse();
    thread::scope(|scope| {
        for keys in [KEYS, backwards] {
            let bucket = &*bucket;
            scope.spawn(move || {
                for _ in 0..2000 {
                    now(bucket.set_many(keys.map(|key| (key, Bytes::new())).into()));
                    now(bucket.get_many(&keys));
                    now(bucket.increment("n", 1));
                    now(bucket.delete_many(&keys));
                }
            });
        }
    });
    assert_eq!(number(&*bucket, "n"), 4000);
}
