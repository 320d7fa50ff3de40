//! Answers that are wrong, late or missing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use keywell_conformance::{Subject, atomics, batch, behaviours, concurrency, errors, store};
use keywell_store::{Answer, Capabilities, Entry, Error, Promptness, Set, Store, Version};
use parking_lot::Mutex;

use crate::bug::{Bug, Caught, Inner, Planted};

/// A replica that is sometimes one write behind.
#[derive(Default)]
struct StaleReplica {
    before: Mutex<HashMap<String, Entry>>,
    reads: AtomicU64,
}

impl Bug for StaleReplica {
    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        if self.reads.fetch_add(1, Ordering::Relaxed) % 7 == 6
            && let Some(entry) = self.before.lock().get(key)
        {
            return Answer::now(Some(entry.clone()));
        }
        inner.get_within(key, max)
    }

    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        if let Answer::Now(Ok(Some(entry))) = inner.get(key) {
            self.before.lock().insert(key.to_owned(), entry);
        }
        inner.set(key, value, how)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_behind_is_caught() {
    let caught = Caught::with(StaleReplica::default());
    caught
        .by(concurrency::what_was_acknowledged_every_later_read_sees)
        .await;
    caught
        .by(concurrency::writers_of_different_keys_do_not_disturb_each_other)
        .await;
}

struct PanicsOnWords;

impl Bug for PanicsOnWords {
    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        if let Answer::Now(Ok(Some(entry))) = inner.get(key) {
            let text = std::str::from_utf8(&entry.value).expect("a counter is text");
            text.parse::<i64>().expect("a counter is a number");
        }
        inner.increment(key, delta)
    }
}

#[tokio::test]
async fn a_panic_of_the_store_is_a_failure() {
    let caught = Caught::with(PanicsOnWords);
    let story = caught
        .by(errors::a_refused_increment_leaves_other_counters_usable)
        .await;
    assert!(story.contains("a panic: a counter is a number"), "{story}");
    caught
        .by(atomics::what_is_no_number_is_not_counted_on)
        .await;
}

struct NeverAnswers;

impl Bug for NeverAnswers {
    fn get_many_within(&self, _: &Inner, _: &[&str], _: usize) -> Answer<Vec<Option<Entry>>> {
        Answer::later(std::future::pending())
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_is_caught() {
    let subject = Subject::new(Planted::new(NeverAnswers)).patience(Duration::from_secs(1));
    let failure = batch::get_many_answers_duplicates(&subject)
        .await
        .unwrap_err();
    assert_eq!(failure.answered, "nothing within 1s");
}

/// Declares to answer at once, and does not.
struct SlowlyAtOnce;

impl Bug for SlowlyAtOnce {
    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        let (inner, key) = (inner.clone(), key.to_owned());
        Answer::later(async move { inner.get_within(&key, max).await })
    }
}

#[tokio::test]
async fn an_answer_at_once_that_waits_is_caught() {
    Caught::with(SlowlyAtOnce)
        .by(store::what_answers_at_once_never_waits)
        .await;
}

/// Refuses all writes after one whose answer was dropped.
#[derive(Default)]
struct StuckByDropped(std::sync::Arc<AtomicU64>);

impl Bug for StuckByDropped {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            promptness: Promptness::Waits,
            ..inner.capabilities()
        }
    }

    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let (inner, key, held) = (inner.clone(), key.to_owned(), self.0.clone());
        Answer::later(async move {
            if held.fetch_add(1, Ordering::SeqCst) > 0 {
                return Err(Error::Unavailable("the connection is in use".into()));
            }
            tokio::task::yield_now().await;
            let version = inner.set(&key, value, how).await;
            held.fetch_sub(1, Ordering::SeqCst);
            version
        })
    }
}

#[tokio::test]
async fn an_answer_that_leaves_its_connection_taken_is_caught() {
    let caught = Caught::with(StuckByDropped::default());
    caught.by(errors::a_dropped_answer_does_no_harm).await;
}

/// Counts an increment before it is polled, and again if its answer is dropped.
struct CountsDropped;

struct Again(Inner, String, i64);

impl Drop for Again {
    fn drop(&mut self) {
        drop(self.0.increment(&self.1, self.2));
    }
}

impl Bug for CountsDropped {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            promptness: Promptness::Waits,
            ..inner.capabilities()
        }
    }

    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        let again = Again(inner.clone(), key.to_owned(), delta);
        let sum = inner.increment(key, delta);
        Answer::later(async move {
            std::mem::forget(again);
            sum.await
        })
    }
}

#[tokio::test]
async fn an_increment_that_is_counted_twice_when_it_is_dropped_is_caught() {
    Caught::with(CountsDropped)
        .by(errors::a_dropped_answer_does_no_harm)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failing_behaviour_wrote_is_deleted() {
    let store = Planted::new(crate::bug::HalfBatches);
    let sound = store.sound.clone();
    let subject = Subject::new(store).patience(Duration::from_secs(2));
    for behaviour in behaviours() {
        // Some behaviours fail and some do not: this store leaves half of each batch unwritten.
        drop(behaviour.run(&subject).await);
        let left = sound.buckets().await.unwrap();
        assert!(left.is_empty(), "{behaviour:?} leaves {left:?}");
    }
}
