use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use keywell_conformance::{atomics, ttl};
use keywell_store::{Answer, Set, Version, counter};
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
