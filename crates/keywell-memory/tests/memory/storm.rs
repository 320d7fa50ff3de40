//! Eight threads run all operations at once; history, listing and data must agree afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use keywell_memory::{History, MemoryStore};
use keywell_store::{Bucket, Change, Event, Expected, Filter, Set, Since, Swap, Version};

use crate::support::{Random, get, list, next, now, open, set, set_for, short, watch};

const THREADS: usize = 8;
const OPERATIONS: usize = 4000;
const KEYS: usize = 300;

/// A write of a thread: version, key and value.
type Written = Vec<(u64, String, Bytes)>;

fn storm(bucket: &dyn Bucket, thread: usize, mut random: Random, sum: &AtomicUsize) -> Written {
    let mut written = Vec::new();
    for number in 0..OPERATIONS {
        let key = format!("k{:03}", random.below(KEYS));
        let value = Bytes::from(format!("{thread}/{number}"));
        match random.below(10) {
            0..=2 => written.push((set(bucket, &key, value.clone()), key, value)),
            3 => {
                let millis = 1 + random.below(5) as u64;
                set_for(bucket, &format!("fleeting{}", random.below(KEYS)), millis);
            }
            4..=5 => now(bucket.delete(&key)),
            6 => {
                let seen = Expected::from(get(bucket, &key).as_ref());
                let change = Change::Set(value.clone(), Set::default());
                if let Swap::Done(version) = now(bucket.swap(&key, seen, change)) {
                    let version = version.and_then(|version| version.as_u64());
                    written.push((version.expect("a version"), key, value));
                }
            }
            7 => {
                now(bucket.increment("sum", 1));
                sum.fetch_add(1, Ordering::Relaxed);
            }
            8 => {
                let other = format!("k{:03}", random.below(KEYS));
                now(bucket.set_many(vec![(&key, "batch".into()), (&other, "batch".into())]));
            }
            _ => {
                let limit = random.below(50) + 1;
                let kept = list(bucket, "kept", limit);
                assert_eq!(kept.len(), 100, "pages of {limit}");
                assert!(list(bucket, "k", limit * 10).is_sorted());
            }
        }
    }
    written
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_storm_history_listing_and_data_agree() {
    let mut random = Random::seeded();
    let store = MemoryStore::with_history(History {
        events: usize::MAX,
        bytes: usize::MAX,
    });
    let bucket = open(&store, "");
    for number in 0..100 {
        set(&*bucket, &format!("kept{number}"), "");
    }
    let mut events = watch(&*bucket);
    let start = events.start().expect("it can be resumed").clone();

    // One watch reads during the storm, and another is resumed after it.
    let live = tokio::spawn(async move {
        let mut delivered = Vec::new();
        let mut fleeting = BTreeSet::new();
        let mut ended = false;
        while !ended || !fleeting.is_empty() {
            let event = next(&mut events).await;
            let key = event.key().expect("no gap").to_owned();
            ended |= key == "end";
            match &event {
                Event::Set { .. } if key.starts_with("fleeting") => drop(fleeting.insert(key)),
                Event::Delete { expired, .. } => assert_eq!(*expired, fleeting.remove(&key)),
                _ => {}
            }
            delivered.push(event);
        }
        delivered
    });
    let sum = AtomicUsize::new(0);
    let written: Vec<Written> = tokio::task::block_in_place(|| {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (bucket, random, sum) = (&*bucket, random.split(), &sum);
                    scope.spawn(move || storm(bucket, thread, random, sum))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no thread panics"))
                .collect()
        })
    });
    set(&*bucket, "end", "");
    let delivered = live.await.expect("it does not panic");

    let mut replayed = BTreeMap::new();
    let mut by_version = HashMap::new();
    let mut latest = 0;
    for event in &delivered {
        match event {
            Event::Set {
                key,
                value,
                version,
                ..
            } => {
                let version = version.as_ref().and_then(Version::as_u64);
                let version = version.expect("a version");
                assert!(version > latest, "delivered out of order");
                latest = version;
                by_version.insert(version, (key.clone(), value.clone()));
                replayed.insert(key.clone(), value.clone());
            }
            Event::Delete { key, .. } => {
                assert!(replayed.remove(key).is_some(), "{key} was not there");
            }
            other => panic!("{other:?}"),
        }
    }
    for (version, key, value) in written.into_iter().flatten() {
        assert_eq!(
            by_version.remove(&version),
            Some((key, value)),
            "delivered once"
        );
    }
    let sum = sum.into_inner().to_string();
    assert_eq!(replayed.get("sum"), Some(&Bytes::from(sum)));

    let mut keys = list(&*bucket, "", 1000);
    keys.retain(|key| !key.starts_with("kept"));
    assert!(replayed.keys().eq(&keys));
    for (key, value) in &replayed {
        assert_eq!(get(&*bucket, key).expect("it is listed").value, value);
    }

    let middle = random.below(delivered.len());
    let from_middle = delivered[middle]
        .token()
        .expect("it can be resumed")
        .clone();
    for (token, rest) in [
        (start, &delivered[..]),
        (from_middle, &delivered[middle + 1..]),
    ] {
        let mut resumed = now(bucket.watch(Filter::All, Since::After(token)));
        for expected in rest {
            let event = next(&mut resumed).await;
            assert_eq!(&event, expected, "{}", short(expected));
        }
    }
}
