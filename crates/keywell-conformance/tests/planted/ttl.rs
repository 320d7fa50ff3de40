use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use keywell_conformance::{atomics, batch, ttl};
use keywell_store::{Answer, Entry, Expires, Set, Version, counter};
use parking_lot::Mutex;

use crate::bug::{Bug, Caught, Inner};

/// Gives every key a default time to live.
struct DefaultTtl(Duration);

impl Bug for DefaultTtl {
    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let ttl = how.ttl.or(Some(self.0));
        inner.set(key, value, Set { ttl })
    }
}

#[tokio::test]
async fn a_default_time_to_live_is_caught() {
    let caught = Caught::with(DefaultTtl(Duration::from_millis(50)));
    caught.by(ttl::nothing_expires_that_was_not_asked_to).await;
    caught.by(ttl::a_set_ends_an_earlier_time_to_live).await;
    let caught = Caught::with(DefaultTtl(Duration::from_secs(2)));
    let story = caught.by(ttl::nothing_expires_that_was_not_asked_to).await;
    assert!(story.contains("without a time to live"), "{story}");
}

/// A set keeps the time to live.
#[derive(Default)]
struct KeepsTtl(Mutex<HashMap<String, Duration>>);

impl Bug for KeepsTtl {
    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let mut known = self.0.lock();
        if let Some(ttl) = how.ttl {
            known.insert(key.to_owned(), ttl);
        }
        let ttl = known.get(key).copied();
        inner.set(key, value, Set { ttl })
    }
}

#[tokio::test]
async fn a_set_that_keeps_the_time_to_live_is_caught() {
    let caught = Caught::with(KeepsTtl::default());
    caught.by(ttl::a_set_ends_an_earlier_time_to_live).await;
    caught.by(ttl::a_deletion_ends_a_time_to_live).await;
}

/// An increment that reads and sets.
struct IncrementEndsTtl;

impl Bug for IncrementEndsTtl {
    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        let Answer::Now(Ok(current)) = inner.get(key) else {
            panic!("the memory store answers at once");
        };
        match counter::add(current.as_ref().map(|entry| &entry.value[..]), delta) {
            Ok(sum) => {
                let value = counter::text(sum);
                inner.set(key, value, Set::default()).map(move |_| sum)
            }
            Err(error) => error.into(),
        }
    }
}

#[tokio::test]
async fn an_increment_that_ends_the_time_to_live_is_caught() {
    let caught = Caught::with(IncrementEndsTtl);
    let story = caught.by(ttl::an_increment_keeps_the_time_to_live).await;
    assert!(story.contains("not within"), "{story}");
}

/// How an increment that may create a key is wrong.
#[derive(Clone, Copy)]
enum Creating {
    /// It ignores the time to live.
    Ignores,
    /// It gives it to a key that is there, too.
    GivesAlways,
    /// It gives it to a key that is there without one.
    GivesWhereThereIsNone,
    /// It adds to a key that is created twice.
    AddsTwice,
    /// It takes any time to live.
    TakesAny,
}

impl Bug for Creating {
    fn increment_or_create(
        &self,
        inner: &Inner,
        key: &str,
        delta: i64,
        created: Set,
    ) -> Answer<i64> {
        let Answer::Now(Ok(read)) = inner.get_with_expiry(&[key], usize::MAX) else {
            panic!("the memory store answers at once");
        };
        let expires = read[0].as_ref().map(|entry| entry.expires);
        let gives = match self {
            Self::Ignores => return inner.increment(key, delta),
            Self::TakesAny => {
                let ttl = created.ttl.unwrap_or_default();
                let ttl = Some(ttl.clamp(Duration::from_millis(1), Set::MAX_TTL));
                return inner.increment_or_create(key, delta, Set { ttl });
            }
            Self::AddsTwice => {
                if expires.is_none() {
                    drop(inner.increment_or_create(key, delta, created));
                }
                return inner.increment(key, delta);
            }
            Self::GivesAlways => expires.is_some(),
            Self::GivesWhereThereIsNone => expires == Some(Expires::Never),
        };
        let (bucket, owned) = (inner.clone(), key.to_owned());
        let sum = inner.increment_or_create(key, delta, created);
        sum.then(move |sum| {
            if gives {
                let set = bucket.set(&owned, counter::text(sum), created);
                set.map(move |_| sum)
            } else {
                Answer::now(sum)
            }
        })
    }
}

#[tokio::test]
async fn an_increment_that_creates_a_key_wrongly_is_caught() {
    for creating in [Creating::Ignores, Creating::AddsTwice] {
        Caught::with(creating)
            .by(ttl::an_increment_gives_what_it_creates_its_time_to_live)
            .await;
    }
    for creating in [Creating::GivesAlways, Creating::GivesWhereThereIsNone] {
        Caught::with(creating)
            .by(ttl::an_increment_gives_what_is_there_no_time_to_live)
            .await;
    }
    Caught::with(Creating::TakesAny)
        .by(ttl::an_increment_for_a_time_out_of_bounds_is_refused)
        .await;
}

/// How a reading with expiry is wrong.
#[derive(Clone, Copy)]
enum Reading {
    /// It has no times to live.
    Omits,
    /// It does not read them.
    Skips,
    /// It has what was given, not what is left.
    StandsStill,
    /// It counts in whole seconds.
    Rounds,
    /// It has the entries in the order of their keys.
    Sorts,
}

struct Misreads {
    reading: Reading,
    given: Mutex<HashMap<String, Duration>>,
}

impl Misreads {
    fn new(reading: Reading) -> Self {
        let given = Mutex::default();
        Self { reading, given }
    }

    fn misread(&self, key: &str, expires: Expires) -> Expires {
        match (self.reading, expires) {
            (Reading::Omits, _) => Expires::Never,
            (Reading::Skips, _) => Expires::Unread,
            (Reading::StandsStill, Expires::In(left)) => {
                Expires::In(self.given.lock().get(key).copied().unwrap_or(left))
            }
            (Reading::Rounds, Expires::In(left)) => {
                Expires::In(Duration::from_secs(left.as_secs()))
            }
            (_, expires) => expires,
        }
    }
}

impl Bug for Misreads {
    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        if let Some(ttl) = how.ttl {
            self.given.lock().insert(key.to_owned(), ttl);
        }
        inner.set(key, value, how)
    }

    fn get_with_expiry(
        &self,
        inner: &Inner,
        keys: &[&str],
        max: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        let mut keys = keys.to_vec();
        if matches!(self.reading, Reading::Sorts) {
            keys.sort_unstable();
        }
        let Answer::Now(Ok(mut entries)) = inner.get_with_expiry(&keys, max) else {
            panic!("the memory store answers at once");
        };
        for (key, entry) in keys.iter().zip(&mut entries) {
            if let Some(entry) = entry {
                entry.expires = self.misread(key, entry.expires);
            }
        }
        Answer::now(entries)
    }
}

#[tokio::test]
async fn a_reading_with_a_wrong_expiry_is_caught() {
    for reading in [Reading::Omits, Reading::Skips, Reading::Rounds] {
        let caught = Caught::with(Misreads::new(reading));
        caught
            .by(ttl::a_reading_has_what_is_left_of_a_time_to_live)
            .await;
    }
    let caught = Caught::with(Misreads::new(Reading::StandsStill));
    caught
        .by(ttl::what_is_left_of_a_time_to_live_runs_down)
        .await;
    for reading in [Reading::Skips, Reading::Sorts] {
        let caught = Caught::with(Misreads::new(reading));
        caught.by(batch::get_with_expiry_reads_what_get_reads).await;
    }
    let caught = Caught::with(Misreads::new(Reading::Omits));
    caught.by(ttl::a_write_decides_when_its_entry_expires).await;
}

/// Rounds down to whole seconds, so that a short time is none.
struct WholeSeconds;

impl Bug for WholeSeconds {
    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let ttl = how
            .ttl
            .map(|ttl| Duration::from_secs(ttl.as_secs()).max(Duration::from_millis(1)));
        inner.set(key, value, Set { ttl })
    }
}

#[tokio::test]
async fn a_key_that_is_gone_before_its_time_is_caught() {
    let caught = Caught::with(WholeSeconds);
    caught.by(ttl::a_key_is_gone_when_its_time_ends).await;
}

/// Ignores times to live.
struct IgnoresTtl;

impl Bug for IgnoresTtl {
    fn set(&self, inner: &Inner, key: &str, value: Bytes, _: Set) -> Answer<Version> {
        inner.set(key, value, Set::default())
    }
}

#[tokio::test]
async fn a_time_to_live_that_is_ignored_is_caught() {
    let caught = Caught::with(IgnoresTtl);
    caught.by(ttl::an_expired_key_is_in_no_answer).await;
    caught.by(ttl::a_time_to_live_has_bounds).await;
    // This behaviour does not involve times to live, so the defect does not show.
    let subject = keywell_conformance::Subject::new(crate::bug::Planted::new(IgnoresTtl));
    atomics::a_stale_swap_writes_nothing(&subject)
        .await
        .unwrap();
}
