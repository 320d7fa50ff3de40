//! Compares the store with a sorted map, one operation after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use keywell_store::{
    Bucket, Change, Entry, Error, Event, Expected, Expires, Set, Swap, Version, counter,
};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::runtime::Builder;

use crate::support::{bucket, get, list, now, result, watch};

#[derive(Clone, Debug)]
enum Operation {
    Set(String, Vec<u8>, bool),
    Delete(String),
    /// With the version read just before, or with the first one that was read.
    Swap(String, bool, Option<Vec<u8>>),
    Increment(String, i64),
    GetMany(Vec<String>),
    SetMany(Vec<(String, Vec<u8>)>),
    DeleteMany(Vec<String>),
    List(String, usize),
}

#[derive(Default)]
struct Model {
    entries: BTreeMap<String, Entry>,
    latest: u64,
}

/// What is left of a time to live differs between readings.
fn timeless(read: Option<Entry>) -> Option<Entry> {
    let expires = Expires::Never;
    read.map(|entry| Entry { expires, ..entry })
}

impl Model {
    /// Records a write of the store; versions must increase.
    fn wrote(&mut self, bucket: &dyn Bucket, key: &str, value: &[u8]) {
        let entry = timeless(get(bucket, key)).expect("it was written");
        assert_eq!(entry.value, value);
        let version = entry.version.as_u64().expect("versions are numbers");
        assert!(version > self.latest, "a version is never used again");
        self.latest = version;
        self.entries.insert(key.to_owned(), entry);
    }

    fn apply(&mut self, bucket: &dyn Bucket, operation: Operation) {
        match operation {
            Operation::Set(key, value, expiring) => {
                let ttl = expiring.then(|| Duration::from_hours(1));
                now(bucket.set(&key, Bytes::from(value.clone()), Set { ttl }));
                self.wrote(bucket, &key, &value);
            }
            Operation::Delete(key) => {
                now(bucket.delete(&key));
                self.entries.remove(&key);
            }
            Operation::Swap(key, fresh, value) => self.swap(bucket, &key, fresh, value),
            Operation::Increment(key, delta) => {
                let current = self.entries.get(&key).map(|entry| &entry.value[..]);
                match (
                    counter::add(current, delta),
                    result(bucket.increment(&key, delta)),
                ) {
                    (Ok(expected), Ok(sum)) => {
                        assert_eq!(sum, expected);
                        self.wrote(bucket, &key, &counter::text(expected));
                    }
                    (Err(Error::Invalid(expected)), Err(Error::Invalid(actual))) => {
                        assert_eq!(actual, expected);
                    }
                    other => panic!("{other:?}"),
                }
            }
            Operation::GetMany(keys) => {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                let expected: Vec<_> = keys.iter().map(|key| self.get(key)).collect();
                let read = now(bucket.get_many(&keys)).into_iter().map(timeless);
                assert_eq!(read.collect::<Vec<_>>(), expected);
            }
            Operation::SetMany(entries) => {
                let batch = entries
                    .iter()
                    .map(|(key, value)| (key.as_str(), Bytes::from(value.clone())));
                now(bucket.set_many(batch.collect()));
                // Keys of one batch may be numbered in any order.
                let before = self.latest;
                for (key, value) in BTreeMap::from_iter(entries) {
                    let latest = std::mem::replace(&mut self.latest, before);
                    self.wrote(bucket, &key, &value);
                    self.latest = self.latest.max(latest);
                }
            }
            Operation::DeleteMany(keys) => {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                now(bucket.delete_many(&keys));
                self.entries.retain(|key, _| !keys.contains(&key.as_str()));
            }
            Operation::List(prefix, limit) => {
                let keys = self.entries.keys().filter(|key| key.starts_with(&prefix));
                let expected: Vec<_> = keys.cloned().collect();
                assert_eq!(list(bucket, &prefix, limit), expected);
            }
        }
    }

    fn swap(&mut self, bucket: &dyn Bucket, key: &str, fresh: bool, value: Option<Vec<u8>>) {
        let expected = if fresh {
            Expected::from(self.entries.get(key))
        } else {
            Expected::At(Version::from(1))
        };
        let stands = expected.stands(self.entries.get(key));
        let change = value.clone().map_or(Change::Delete, |value| {
            Change::Set(value.into(), Set::default())
        });
        let swap = now(bucket.swap(key, expected, change));
        assert_eq!(swap != Swap::Stale, stands);
        match value {
            Some(value) if stands => {
                self.wrote(bucket, key, &value);
                let version = self.get(key).map(|entry| entry.version);
                assert_eq!(swap, Swap::Done(version));
            }
            None if stands => drop(self.entries.remove(key)),
            _ => {}
        }
    }

    fn get(&self, key: &str) -> Option<Entry> {
        self.entries.get(key).cloned()
    }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ab]{0,2}",
        1 => "[a-c/*é🦀]{1,6}",
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..20),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        (0..10_u8).prop_map(|number| number.to_string().into_bytes()),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (key(), value(), any::<bool>()).prop_map(|(key, value, ttl)| Operation::Set(key, value, ttl)),
        2 => key().prop_map(Operation::Delete),
        3 => (key(), any::<bool>(), proptest::option::of(value()))
            .prop_map(|(key, fresh, value)| Operation::Swap(key, fresh, value)),
        2 => (key(), prop_oneof![-5..5_i64, any::<i64>()])
            .prop_map(|(key, delta)| Operation::Increment(key, delta)),
        1 => vec(key(), 0..6).prop_map(Operation::GetMany),
        1 => vec((key(), value()), 0..6).prop_map(Operation::SetMany),
        1 => vec(key(), 0..6).prop_map(Operation::DeleteMany),
        2 => ("[ab]{0,1}", 0..10_usize).prop_map(|(prefix, limit)| Operation::List(prefix, limit)),
    ]
}

proptest! {
    #[test]
    fn the_store_does_what_a_sorted_map_does(operations in vec(operation(), 1..80)) {
        // A watch of keys with a time to live needs a timer.
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let _entered = runtime.enter();
        let bucket = bucket();
        let mut events = watch(&*bucket);
        let mut model = Model::default();
        for operation in operations {
            model.apply(&*bucket, operation);
        }
        for (key, entry) in &model.entries {
            prop_assert_eq!(timeless(get(&*bucket, key)), Some(entry.clone()));
        }
        prop_assert!(list(&*bucket, "", 1000).iter().eq(model.entries.keys()));

        let mut replayed = BTreeMap::new();
        while let Some(Some(event)) = events.next().now_or_never() {
            match event.expect("the history is long enough") {
                Event::Set { key, value, version, .. } => {
                    let version = version.expect("an event has a version");
                    replayed.insert(key, Entry { value, version, expires: Expires::Never });
                }
                Event::Delete { key, expired, .. } => {
                    prop_assert!(!expired);
                    prop_assert!(replayed.remove(&key).is_some());
                }
                other => panic!("{other:?}"),
            }
        }
        prop_assert_eq!(replayed, model.entries);
    }
}
