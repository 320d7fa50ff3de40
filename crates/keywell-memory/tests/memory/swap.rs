use std::thread;

use keywell_store::{Bucket, Change, Expected, Set, Swap, Version};

use crate::support::{bucket, get, now, set, value};

fn write(value: &'static str) -> Change {
    Change::Set(value.into(), Set::default())
}

fn is_stale(bucket: &dyn Bucket, key: &str, expected: Expected, change: Change) -> bool {
    now(bucket.swap(key, expected, change)) == Swap::Stale
}

fn read(bucket: &dyn Bucket, key: &str) -> Expected {
    Expected::from(get(bucket, key).as_ref())
}

#[test]
fn of_two_swaps_from_one_reading_one_wins() {
    let bucket = bucket();
    set(&*bucket, "k", "old");
    let seen = read(&*bucket, "k");
    let first = now(bucket.swap("k", seen.clone(), write("first")));
    assert!(matches!(first, Swap::Done(Some(_))));
    assert!(is_stale(&*bucket, "k", seen, write("second")));
    assert_eq!(value(&*bucket, "k").as_deref(), Some("first"));
}

#[test]
fn the_version_of_a_swap_is_that_of_the_next_reading() {
    let bucket = bucket();
    let Swap::Done(Some(version)) = now(bucket.swap("k", Expected::Absent, write("new"))) else {
        panic!("the key was absent");
    };
    assert_eq!(get(&*bucket, "k").expect("it is there").version, version);
}

#[test]
fn an_absent_key_is_a_condition() {
    let bucket = bucket();
    let absent = read(&*bucket, "k");
    set(&*bucket, "k", "of another");
    assert!(is_stale(&*bucket, "k", absent, write("mine")));
    assert_eq!(value(&*bucket, "k").as_deref(), Some("of another"));
}

#[test]
fn a_value_that_was_changed_and_changed_back_is_not_the_same() {
    let bucket = bucket();
    set(&*bucket, "k", "a");
    let seen = read(&*bucket, "k");
    set(&*bucket, "k", "b");
    set(&*bucket, "k", "a");
    assert!(is_stale(&*bucket, "k", seen, write("c")));
}

#[test]
fn a_key_that_was_deleted_and_made_again_is_not_the_same() {
    let bucket = bucket();
    set(&*bucket, "k", "a");
    let seen = read(&*bucket, "k");
    now(bucket.delete("k"));
    assert!(is_stale(&*bucket, "k", seen.clone(), write("b")));
    set(&*bucket, "k", "a");
    assert!(is_stale(&*bucket, "k", seen, Change::Delete));
    assert_eq!(value(&*bucket, "k").as_deref(), Some("a"));
}

#[test]
fn a_key_is_deleted_only_at_its_version() {
    let bucket = bucket();
    set(&*bucket, "k", "a");
    let seen = read(&*bucket, "k");
    set(&*bucket, "k", "b");
    assert!(is_stale(&*bucket, "k", seen, Change::Delete));
    let seen = read(&*bucket, "k");
    let swap = now(bucket.swap("k", seen, Change::Delete));
    assert_eq!(swap, Swap::Done(None));
    assert_eq!(get(&*bucket, "k"), None);
}

#[test]
fn the_version_of_another_store_is_stale() {
    let bucket = bucket();
    set(&*bucket, "k", "a");
    let foreign = Expected::At(Version::from(bytes::Bytes::from_static(b"a")));
    assert!(is_stale(&*bucket, "k", foreign, write("b")));
}

#[test]
fn of_many_threads_that_swap_each_success_is_counted_once() {
    const THREADS: usize = 8;
    const EACH: usize = 500;
    let bucket = bucket();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut done = 0;
                while done < EACH {
                    let current = get(&*bucket, "n");
                    let number: usize = current.as_ref().map_or(0, |entry| {
                        let text = std::str::from_utf8(&entry.value).expect("text");
                        text.parse().expect("a number")
                    });
                    let change = Change::Set((number + 1).to_string().into(), Set::default());
                    let swap = now(bucket.swap("n", Expected::from(current.as_ref()), change));
                    done += usize::from(swap != Swap::Stale);
                }
            });
        }
    });
    assert_eq!(value(&*bucket, "n"), Some((THREADS * EACH).to_string()));
}
