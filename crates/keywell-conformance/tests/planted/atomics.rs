use std::collections::HashMap;

use bytes::Bytes;
use keywell_conformance::{atomics, concurrency, errors, store};
use keywell_store::{Answer, Change, Entry, Expected, Set, Swap, Version, counter};
use parking_lot::Mutex;

use crate::bug::{Bug, Caught, Inner};

/// Compares the value of the expected version instead of the version.
#[derive(Default)]
struct ComparesValues(Mutex<HashMap<Version, Bytes>>);

impl Bug for ComparesValues {
    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let Answer::Now(Ok(version)) = inner.set(key, value.clone(), how) else {
            panic!("the memory store answers at once");
        };
        self.0.lock().insert(version.clone(), value);
        Answer::now(version)
    }

    fn swap(&self, inner: &Inner, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let Expected::At(version) = &expected else {
            return inner.swap(key, expected, change);
        };
        let value = self.0.lock().get(version).cloned();
        let Answer::Now(Ok(current)) = inner.get(key) else {
            panic!("the memory store answers at once");
        };
        match current {
            Some(entry) if Some(&entry.value) == value.as_ref() => {
                inner.swap(key, Expected::At(entry.version), change)
            }
            _ => inner.swap(key, expected, change),
        }
    }
}

#[tokio::test]
async fn a_swap_that_compares_values_is_caught() {
    let caught = Caught::with(ComparesValues::default());
    let story = caught
        .by(atomics::a_value_changed_and_changed_back_is_stale)
        .await;
    assert!(story.contains("Done"), "{story}");
    caught
        .by(atomics::a_key_deleted_and_created_again_is_stale)
        .await;
}

struct OverwritesCreators;

impl Bug for OverwritesCreators {
    fn swap(&self, inner: &Inner, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        match (expected, change) {
            (Expected::Absent, Change::Set(value, how)) => inner
                .set(key, value, how)
                .map(|version| Swap::Done(Some(version))),
            (expected, change) => inner.swap(key, expected, change),
        }
    }
}

#[tokio::test]
async fn a_swap_on_an_absent_key_that_overwrites_is_caught() {
    let caught = Caught::with(OverwritesCreators);
    caught
        .by(atomics::a_swap_on_an_absent_key_loses_to_a_creator)
        .await;
    caught.by(concurrency::of_32_creators_one_wins).await;
}

/// Writes, and then answers that the swap is stale.
struct WritesThoughStale;

impl Bug for WritesThoughStale {
    fn swap(&self, inner: &Inner, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let (inner, key) = (inner.clone(), key.to_owned());
        inner
            .swap(&key, expected, change.clone())
            .then(move |done| match (&done, change) {
                (Swap::Stale, Change::Set(value, how)) => inner.set(&key, value, how).map(|_| done),
                _ => Answer::now(done),
            })
    }
}

#[tokio::test]
async fn a_swap_that_writes_and_says_stale_is_caught() {
    let caught = Caught::with(WritesThoughStale);
    caught.by(atomics::a_stale_swap_writes_nothing).await;
    caught
        .by(concurrency::of_32_swaps_from_one_read_one_writes)
        .await;
}

/// Reads and then writes, and lets other callers write in between.
struct ReadsThenSwaps;

impl Bug for ReadsThenSwaps {
    fn swap(&self, inner: &Inner, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let (inner, key) = (inner.clone(), key.to_owned());
        Answer::later(async move {
            let current = inner.get(&key).await?;
            tokio::task::yield_now().await;
            if !expected.stands(current.as_ref()) {
                return Ok(Swap::Stale);
            }
            match change {
                Change::Set(value, how) => Ok(Swap::Done(Some(inner.set(&key, value, how).await?))),
                Change::Delete => inner.delete(&key).await.map(|()| Swap::Done(None)),
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_in_two_steps_is_caught() {
    let caught = Caught::with(Waits(ReadsThenSwaps));
    caught
        .by(concurrency::of_32_swaps_from_one_read_one_writes)
        .await;
    caught.by(concurrency::of_32_creators_one_wins).await;
    caught
        .by(concurrency::of_32_deleting_swaps_one_deletes)
        .await;
}

/// Reads, adds and writes, and lets other callers write in between.
struct ReadsThenAdds;

impl Bug for ReadsThenAdds {
    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        let (inner, key) = (inner.clone(), key.to_owned());
        Answer::later(async move {
            let current = inner.get(&key).await?;
            tokio::task::yield_now().await;
            let new = counter::add(current.as_ref().map(|entry| &entry.value[..]), delta)?;
            inner.set(&key, counter::text(new), Set::default()).await?;
            Ok(new)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_increment_in_two_steps_is_caught() {
    let caught = Caught::with(Waits(ReadsThenAdds));
    caught
        .by(concurrency::increments_from_32_tasks_are_all_counted)
        .await;
}

/// Sends an increment twice, as a client that retries does.
struct AddsTwice;

impl Bug for AddsTwice {
    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        let (again, owned) = (inner.clone(), key.to_owned());
        inner
            .increment(key, delta)
            .then(move |_| again.increment(&owned, delta))
    }
}

#[tokio::test]
async fn an_increment_that_is_sent_twice_is_caught() {
    Caught::with(AddsTwice)
        .by(atomics::an_increment_answers_the_new_value)
        .await;
}

struct MalformedIsZero;

impl Bug for MalformedIsZero {
    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        let Answer::Now(Ok(Some(entry))) = inner.get(key) else {
            return inner.increment(key, delta);
        };
        if counter::number(&entry.value).is_ok() {
            return inner.increment(key, delta);
        }
        inner
            .set(key, counter::text(delta), Set::default())
            .map(move |_| delta)
    }
}

#[tokio::test]
async fn a_malformed_counter_that_is_read_as_zero_is_caught() {
    let caught = Caught::with(MalformedIsZero);
    let story = caught
        .by(atomics::what_is_no_number_is_not_counted_on)
        .await;
    assert!(story.contains("042"), "{story}");
    caught
        .by(errors::a_refused_increment_leaves_other_counters_usable)
        .await;
}

/// Accepts what `str::parse` accepts.
struct LenientNumbers;

impl Bug for LenientNumbers {
    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        let Answer::Now(Ok(Some(entry))) = inner.get(key) else {
            return inner.increment(key, delta);
        };
        let text = String::from_utf8_lossy(&entry.value).into_owned();
        let Ok(number) = text.trim().parse::<i64>() else {
            return inner.increment(key, delta);
        };
        let sum = number.wrapping_add(delta);
        inner
            .set(key, counter::text(sum), Set::default())
            .map(move |_| sum)
    }
}

#[tokio::test]
async fn a_counter_that_wraps_or_reads_leniently_is_caught() {
    let caught = Caught::with(LenientNumbers);
    caught
        .by(atomics::what_is_no_number_is_not_counted_on)
        .await;
    caught
        .by(atomics::an_increment_past_the_top_is_refused)
        .await;
    caught
        .by(atomics::an_increment_past_the_bottom_is_refused)
        .await;
}

/// Stores a counter as eight bytes instead of text.
struct BinaryCounters;

impl Bug for BinaryCounters {
    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        let Answer::Now(Ok(current)) = inner.get(key) else {
            panic!("the memory store answers at once");
        };
        let old = current.and_then(|entry| entry.value[..].try_into().ok());
        let sum = old.map_or(0, i64::from_be_bytes) + delta;
        let value = Bytes::copy_from_slice(&sum.to_be_bytes());
        inner.set(key, value, Set::default()).map(move |_| sum)
    }
}

#[tokio::test]
async fn a_counter_that_is_not_text_is_caught() {
    let caught = Caught::with(BinaryCounters);
    caught.by(atomics::a_counter_is_its_decimal_text).await;
    caught.by(atomics::a_counter_can_be_set_as_text).await;
}

/// Numbers the versions of each key, and restarts after a delete.
#[derive(Default)]
struct CountsVersions(Mutex<HashMap<String, Vec<Version>>>);

impl CountsVersions {
    fn shown(&self, key: &str, real: &Version) -> Version {
        let mut known = self.0.lock();
        let versions = known.entry(key.to_owned()).or_default();
        let number = versions.iter().position(|version| version == real);
        let number = number.unwrap_or_else(|| {
            versions.push(real.clone());
            versions.len() - 1
        });
        Version::from(number as u64 + 1)
    }
}

impl Bug for CountsVersions {
    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        let Answer::Now(Ok(entry)) = inner.get_within(key, max) else {
            panic!("the memory store answers at once");
        };
        Answer::now(entry.map(|entry| Entry {
            version: self.shown(key, &entry.version),
            ..entry
        }))
    }

    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let Answer::Now(Ok(version)) = inner.set(key, value, how) else {
            panic!("the memory store answers at once");
        };
        Answer::now(self.shown(key, &version))
    }

    fn delete(&self, inner: &Inner, key: &str) -> Answer<()> {
        self.0.lock().remove(key);
        inner.delete(key)
    }
}

#[tokio::test]
async fn a_version_that_restarts_after_a_delete_is_caught() {
    Caught::with(CountsVersions::default())
        .by(store::a_version_is_never_used_again)
        .await;
}

/// The version is the time of the write, in whole seconds.
struct SecondsForVersions;

impl Bug for SecondsForVersions {
    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        inner.get_within(key, max).map(|entry| {
            entry.map(|entry| Entry {
                version: Version::from(1_700_000_000),
                ..entry
            })
        })
    }

    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        inner
            .set(key, value, how)
            .map(|_| Version::from(1_700_000_000))
    }
}

#[tokio::test]
async fn a_version_that_two_writes_share_is_caught() {
    Caught::with(SecondsForVersions)
        .by(store::every_write_changes_the_version)
        .await;
}

/// Declares that answers may take time.
struct Waits<B>(B);

impl<B: Bug> Bug for Waits<B> {
    fn capabilities(&self, inner: &Inner) -> keywell_store::Capabilities {
        keywell_store::Capabilities {
            promptness: keywell_store::Promptness::Waits,
            ..inner.capabilities()
        }
    }
    fn swap(&self, inner: &Inner, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        self.0.swap(inner, key, expected, change)
    }
    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        self.0.increment(inner, key, delta)
    }
}
