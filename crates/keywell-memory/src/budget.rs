use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};

use keywell_store::{Error, Failure, Result};
use parking_lot::Mutex;

/// The bytes that the buckets of a store hold in total, and their limit.
///
/// The count of a key changes only while its stripe is locked, with one uncontended atomic operation.
pub(crate) struct Budget {
    max: usize,
    held: AtomicUsize,
    /// The buckets whose expired keys are removed before a write is refused.
    buckets: Mutex<Vec<Weak<dyn Expire>>>,
}

/// A bucket, whose expired keys the budget removes before it refuses a write.
pub(crate) trait Expire: Send + Sync {
    /// Removes all expired keys, except in stripes that another thread has locked.
    fn remove_expired(&self);
}

/// The overhead of a key: its slot in the table, its entries in the index and the expiries, and the
/// allocator's overhead.
const ENTRY: usize = 256;

/// The overhead of a bucket.
const BUCKET: usize = 16 << 10;

// === impl Budget ===

impl Budget {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            held: AtomicUsize::new(0),
            buckets: Mutex::default(),
        }
    }

    /// The cost of a key and its value.
    pub(crate) fn cost(key: &str, value: &[u8]) -> usize {
        key.len().saturating_add(value.len()).saturating_add(ENTRY)
    }

    /// Takes the overhead of a bucket.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if that exceeds the limit.
    pub(crate) fn open(&self) -> Result<()> {
        if self.take(BUCKET) {
            return Ok(());
        }
        self.clear_expired();
        if self.take(BUCKET) {
            Ok(())
        } else {
            Err(self.full())
        }
    }

    /// Adds a bucket to those whose expired keys are removed.
    pub(crate) fn opened(&self, bucket: Weak<dyn Expire>) {
        self.buckets.lock().push(bucket);
    }

    /// Takes bytes; false, and nothing changes, if that exceeds the limit.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let more = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.max);
        let taken = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.is_ok()
    }

    /// Replaces taken bytes by others; false, and nothing changes, if that exceeds the limit.
    pub(crate) fn exchange(&self, old: usize, new: usize) -> bool {
        if new > old {
            return self.take(new - old);
        }
        if old > new {
            self.give_back(old - new);
        }
        true
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Removes expired keys of all buckets, except in stripes that another thread has locked.
    ///
    /// It never waits for a stripe, so the caller may hold some.
    pub(crate) fn clear_expired(&self) {
        let buckets = self.buckets.lock().clone();
        for bucket in buckets.iter().filter_map(Weak::upgrade) {
            bucket.remove_expired();
        }
    }

    pub(crate) fn full(&self) -> Error {
        let held = self.held.load(Ordering::Relaxed);
        let max = self.max;
        Error::Unavailable(Failure::new(format!(
            "the memory store is full, at {held} bytes of the {max} that max-bytes allows"
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use bytes::Bytes;
    use keywell_store::{
        Answer, Bucket, BucketName, Change, Expected, Set, Store, StoreId, Swap, counter,
    };
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::data::MemoryBucket;
    use crate::{History, MemoryStore};

    fn result<T>(answer: Answer<T>) -> Result<T> {
        match answer {
            Answer::Now(result) => result,
            Answer::Later(_) => panic!("a store in memory answers at once"),
        }
    }

    /// A bucket whose store holds at most this many bytes plus the bucket, and the budget.
    fn bounded(bytes: usize) -> (Arc<MemoryBucket>, Arc<Budget>) {
        let budget = Arc::new(Budget::new(BUCKET + bytes));
        budget.open().unwrap();
        let name = BucketName::default();
        let bucket = MemoryBucket::new(
            StoreId::unique(),
            &name,
            History::default(),
            Arc::default(),
            Some(budget.clone()),
        );
        budget.opened(Arc::downgrade(&bucket) as Weak<dyn Expire>);
        (bucket, budget)
    }

    /// The cost of the content of a bucket, expired or not.
    fn cost(bucket: &MemoryBucket) -> usize {
        let stripes = bucket.stripes().iter();
        stripes.map(|stripe| stripe.read().cost()).sum()
    }

    fn is_full<T>(answer: Answer<T>) -> bool {
        match result(answer) {
            Ok(_) => false,
            Err(Error::Unavailable(why)) => {
                assert!(why.to_string().contains("max-bytes"), "{why}");
                true
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn set(bucket: &MemoryBucket, key: &str, bytes: usize) -> Answer<keywell_store::Version> {
        bucket.set(key, vec![b'x'; bytes].into(), Set::default())
    }

    #[test]
    fn a_write_past_the_bound_is_refused_and_changes_nothing() {
        let (bucket, budget) = bounded(2 * (ENTRY + 1) + 100);
        assert!(!is_full(set(&bucket, "a", 50)));
        assert!(!is_full(set(&bucket, "b", 50)));
        let version = result(bucket.get_within("a", usize::MAX))
            .unwrap()
            .unwrap()
            .version;

        assert!(is_full(set(&bucket, "a", 51)));
        assert!(is_full(set(&bucket, "c", 0)));
        assert!(is_full(bucket.increment_or_create("c", 1, Set::default())));
        let change = Change::Set(vec![0; 51].into(), Set::default());
        assert!(is_full(bucket.swap(
            "a",
            Expected::At(version.clone()),
            change
        )));
        let batch = || vec![("b", Bytes::new()), ("c", Bytes::new())];
        assert!(is_full(bucket.set_many(batch())));

        assert_eq!(
            result(bucket.get_within("a", usize::MAX))
                .unwrap()
                .unwrap()
                .version,
            version
        );
        assert_eq!(
            result(bucket.get_within("b", usize::MAX))
                .unwrap()
                .unwrap()
                .value
                .len(),
            50
        );
        assert!(!result(bucket.exists("c")).unwrap());

        // A smaller value makes space for others.
        assert!(!is_full(set(&bucket, "a", 0)));
        assert!(!is_full(set(&bucket, "b", 100)));
        assert!(!is_full(bucket.delete("b")));
        assert!(!is_full(bucket.set_many(batch()[..1].to_vec())));
        assert_eq!(budget.held.load(Ordering::Relaxed), BUCKET + cost(&bucket));
    }

    #[test]
    fn expired_keys_make_space_for_writes() {
        let (bucket, budget) = bounded(4 * (ENTRY + 10));
        let soon = Set::expiring(Duration::from_millis(1)).unwrap();
        let fill = || {
            for key in ["a", "b", "c", "d"] {
                assert!(!is_full(bucket.set(key, Bytes::new(), soon)));
            }
            while ["a", "b", "c", "d"]
                .iter()
                .any(|key| result(bucket.exists(key)).unwrap())
            {
                thread::yield_now();
            }
        };
        fill();
        let batch: Vec<_> = ["e", "f", "g", "h"].map(|key| (key, Bytes::new())).into();
        assert!(!is_full(bucket.set_many(batch)));
        result(bucket.delete_many(&["e", "f", "g", "h"])).unwrap();
        fill();
        assert!(!is_full(set(&bucket, "i", 3 * ENTRY)));
        assert_eq!(budget.held.load(Ordering::Relaxed), BUCKET + cost(&bucket));
    }

    #[test]
    fn buckets_count_and_share_the_limit() {
        let store = MemoryStore::bounded(2 * BUCKET + ENTRY + 1, History::default());
        let open = |name: &str| result(store.open(&name.parse().unwrap()));
        let (one, other) = (open("one").unwrap(), open("other").unwrap());
        assert!(matches!(open("more"), Err(Error::Unavailable(_))));
        assert!(open("one").is_ok());
        let write = |bucket: &Arc<dyn Bucket>| bucket.set("k", Bytes::new(), Set::default());
        assert!(!is_full(write(&one)));
        assert!(is_full(write(&other)));
        assert!(!is_full(one.delete("k")));
        assert!(!is_full(write(&other)));
    }

    #[test]
    fn concurrent_writers_stay_within_the_limit() {
        let (bucket, budget) = bounded(20 * ENTRY);
        thread::scope(|scope| {
            for thread in 0..4 {
                let bucket = &bucket;
                scope.spawn(move || {
                    for round in 0..2000_usize {
                        let key = format!("{}", (round * 7 + thread) % 40);
                        match round % 5 {
                            0 => drop(bucket.delete(&key)),
                            1 => drop(bucket.increment_or_create(&key, 1, Set::default())),
                            2 => {
                                let batch = vec![(&*key, Bytes::new()), ("x", key.clone().into())];
                                drop(bucket.set_many(batch));
                            }
                            _ => drop(set(bucket, &key, round % 300)),
                        }
                        assert!(
                            bucket.budget().unwrap().held.load(Ordering::Relaxed)
                                <= BUCKET + 20 * ENTRY
                        );
                    }
                });
            }
        });
        assert_eq!(budget.held.load(Ordering::Relaxed), BUCKET + cost(&bucket));
    }

    #[derive(Clone, Debug)]
    enum Mutation {
        Set(String, Vec<u8>),
        Fleeting(String, Vec<u8>),
        Swap(String, Option<Vec<u8>>),
        Increment(String),
        Delete(String),
        SetMany(Vec<(String, Vec<u8>)>),
        DeleteMany(Vec<String>),
    }

    fn mutation() -> impl Strategy<Value = Mutation> {
        let key = || "[a-e]{1,3}";
        let value = || vec(any::<u8>(), 0..400);
        prop_oneof![
            4 => (key(), value()).prop_map(|(key, value)| Mutation::Set(key, value)),
            1 => (key(), value()).prop_map(|(key, value)| Mutation::Fleeting(key, value)),
            2 => (key(), proptest::option::of(value())).prop_map(|(key, value)| Mutation::Swap(key, value)),
            1 => key().prop_map(Mutation::Increment),
            1 => key().prop_map(Mutation::Delete),
            2 => vec((key(), value()), 0..6).prop_map(Mutation::SetMany),
            1 => vec(key(), 0..4).prop_map(Mutation::DeleteMany),
        ]
    }

    /// Applies a mutation, and returns the expected content if it is not refused.
    fn apply(
        bucket: &MemoryBucket,
        mut there: BTreeMap<String, Vec<u8>>,
        mutation: Mutation,
    ) -> (BTreeMap<String, Vec<u8>>, Result<()>) {
        let current = |key: &str| result(bucket.get_within(key, usize::MAX)).unwrap();
        let done = match mutation {
            Mutation::Set(key, value) => {
                there.insert(key.clone(), value.clone());
                result(bucket.set(&key, value.into(), Set::default())).map(drop)
            }
            Mutation::Fleeting(key, value) => {
                // Expired before the next read.
                let how = Set::expiring(Duration::from_millis(1)).unwrap();
                let set = result(bucket.set(&key, value.into(), how)).map(drop);
                while set.is_ok() && current(&key).is_some() {
                    thread::yield_now();
                }
                there.remove(&key);
                set
            }
            Mutation::Swap(key, value) => {
                let expected = Expected::from(current(&key).as_ref());
                let change = if let Some(value) = value {
                    there.insert(key.clone(), value.clone());
                    Change::Set(value.into(), Set::default())
                } else {
                    there.remove(&key);
                    Change::Delete
                };
                let swapped = result(bucket.swap(&key, expected, change));
                assert!(!matches!(swapped, Ok(Swap::Stale)));
                swapped.map(drop)
            }
            Mutation::Increment(key) => {
                let before = there.get(&key).map(Vec::as_slice);
                let Ok(sum) = counter::add(before, 1) else {
                    return (there, Ok(()));
                };
                there.insert(key.clone(), counter::text(sum).into());
                result(bucket.increment_or_create(&key, 1, Set::default())).map(drop)
            }
            Mutation::Delete(key) => {
                there.remove(&key);
                result(bucket.delete(&key))
            }
            Mutation::SetMany(entries) => {
                there.extend(entries.clone());
                let entries = entries.iter();
                let entries = entries.map(|(key, value)| (&**key, value.clone().into()));
                result(bucket.set_many(entries.collect()))
            }
            Mutation::DeleteMany(keys) => {
                there.retain(|key, _| !keys.contains(key));
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                result(bucket.delete_many(&keys))
            }
        };
        (there, done)
    }

    proptest! {
        #[test]
        fn the_counted_bytes_are_those_that_are_held(
            bytes in 1000_usize..6000,
            mutations in vec(mutation(), 1..60),
        ) {
            let (bucket, budget) = bounded(bytes);
            let mut there = BTreeMap::new();
            for mutation in mutations {
                let is_fleeting = matches!(mutation, Mutation::Fleeting(..));
                let (after, done) = apply(&bucket, there.clone(), mutation);
                let costs = after.iter().map(|(key, value)| Budget::cost(key, value));
                let room = costs.sum::<usize>() <= bytes;
                match done {
                    Ok(()) => {
                        prop_assert!(room);
                        there = after;
                    }
                    Err(error) => {
                        prop_assert!(matches!(error, Error::Unavailable(_)), "{}", error);
                        prop_assert!(!room || is_fleeting);
                    }
                }
                let held = budget.held.load(Ordering::Relaxed);
                prop_assert_eq!(held, BUCKET + cost(&bucket));
                prop_assert!(held <= BUCKET + bytes);
                for (key, value) in &there {
                    let entry = result(bucket.get_within(key, usize::MAX)).unwrap();
                    prop_assert_eq!(entry.map(|entry| entry.value), Some(Bytes::from(value.clone())));
                }
            }
        }
    }
}
