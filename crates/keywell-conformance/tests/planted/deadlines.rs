//! Times to live that end too late or too early.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_conformance::{Subject, ttl};
use keywell_store::{
    Answer, Change, Entry, Event, Expected, Filter, Set, Since, Swap, Version, Watch,
};
use parking_lot::Mutex;

use crate::bug::{Bug, Caught, Inner, Planted};

/// Keeps the time to live of a key across a write that should end it.
#[derive(Clone)]
struct Keeps {
    ends: Arc<Mutex<HashMap<String, Instant>>>,
    by: By,
}

/// The write across which a key keeps its time to live.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Set,
    Batch,
    Swap,
    Delete,
}

impl Keeps {
    fn by(by: By) -> Self {
        let ends = Arc::default();
        Self { ends, by }
    }

    fn begin(&self, key: &str, ttl: Duration) {
        let end = Instant::now() + ttl;
        self.ends.lock().insert(key.to_owned(), end);
    }

    /// The rest of the earlier time to live.
    fn left(&self, key: &str, by: By) -> Option<Duration> {
        if self.by != by {
            self.ends.lock().remove(key);
        }
        let end = self.ends.lock().get(key).copied()?;
        Some((end - Instant::now()).max(Duration::from_millis(1)))
    }
}

impl Bug for Keeps {
    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        // A time kept across a deletion applies to the next set.
        let by = if self.by == By::Delete {
            By::Delete
        } else {
            By::Set
        };
        let ttl = how.ttl.or_else(|| self.left(key, by));
        if let Some(ttl) = how.ttl {
            self.begin(key, ttl);
        }
        inner.set(key, value, Set { ttl })
    }

    fn set_many(&self, inner: &Inner, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let sets = entries.into_iter().map(|(key, value)| {
            let ttl = self.left(key, By::Batch);
            inner.set(key, value, Set { ttl })
        });
        Answer::sequence(sets).map(drop)
    }

    fn swap(&self, inner: &Inner, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let change = match change {
            Change::Set(value, Set { ttl: None }) => {
                let ttl = self.left(key, By::Swap);
                Change::Set(value, Set { ttl })
            }
            change => change,
        };
        inner.swap(key, expected, change)
    }
}

#[tokio::test]
async fn a_write_that_keeps_an_earlier_time_is_caught() {
    Caught::with(Keeps::by(By::Set))
        .by(ttl::a_set_ends_an_earlier_time_to_live)
        .await;
    Caught::with(Keeps::by(By::Batch))
        .by(ttl::a_batch_ends_earlier_times_to_live)
        .await;
    let caught = Caught::with(Keeps::by(By::Swap));
    let story = caught.by(ttl::a_swap_ends_an_earlier_time_to_live).await;
    assert!(story.contains("a swap without a time to live"), "{story}");
    let caught = Caught::with(Keeps::by(By::Delete));
    caught.by(ttl::a_deletion_ends_a_time_to_live).await;
    caught.by(ttl::a_key_set_again_after_its_time_stays).await;
    for by in [By::Set, By::Batch, By::Swap, By::Delete] {
        let caught = Caught::with(Keeps::by(by));
        let story = caught.by(ttl::a_time_that_was_replaced_ends_nothing).await;
        assert!(story.contains("that was replaced"), "{story}");
    }
}

/// Keeps a list of deadlines, and deletes the keys whose deadline has passed at the next expiration,
/// also those with a later time to live.
#[derive(Clone, Default)]
struct ListsEnds(Arc<Mutex<Vec<(Instant, String)>>>);

impl Bug for ListsEnds {
    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        if let Some(ttl) = how.ttl {
            self.0.lock().push((Instant::now() + ttl, key.to_owned()));
        }
        inner.set(key, value, how)
    }

    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let (ends, bucket) = (self.0.clone(), inner.clone());
        inner.watch(filter, since).map(move |watch| {
            let start = watch.start().cloned();
            let events = watch.map(move |event| {
                if let Ok(Event::Delete { expired: true, .. }) = &event {
                    let now = Instant::now();
                    let over = ends.lock().extract_if(.., |(end, _)| *end <= now).collect();
                    let over: Vec<(Instant, String)> = over;
                    for (_, key) in over {
                        drop(bucket.delete(&key));
                    }
                }
                event
            });
            Watch::new(start, events)
        })
    }
}

#[tokio::test]
async fn an_outdated_list_of_deadlines_is_caught() {
    // The defect shows only at the next expiration.
    ttl::a_set_ends_an_earlier_time_to_live(&Subject::new(Planted::new(ListsEnds::default())))
        .await
        .unwrap();
    Caught::with(ListsEnds::default())
        .by(ttl::a_time_that_was_replaced_ends_nothing)
        .await;
}

/// Restarts the time to live of a counter at each increment.
#[derive(Default)]
struct Renews(Mutex<HashMap<String, Duration>>);

impl Bug for Renews {
    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        if let Some(ttl) = how.ttl {
            self.0.lock().insert(key.to_owned(), ttl);
        }
        inner.set(key, value, how)
    }

    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        let (bucket, owned) = (inner.clone(), key.to_owned());
        let ttl = self.0.lock().get(key).copied();
        inner.increment(key, delta).then(move |sum| {
            let value = keywell_store::counter::text(sum);
            bucket.set(&owned, value, Set { ttl }).map(move |_| sum)
        })
    }
}

#[tokio::test]
async fn an_increment_that_restarts_the_time_to_live_is_caught() {
    let caught = Caught::with(Renews::default());
    let story = caught.by(ttl::an_increment_postpones_no_end).await;
    assert!(story.contains("however often"), "{story}");
}

/// Ends the time to live before it checks the write.
struct EndsFirst;

impl Bug for EndsFirst {
    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        let (bucket, owned) = (inner.clone(), key.to_owned());
        inner.get(key).then(move |entry: Option<Entry>| {
            if let Some(entry) = entry {
                drop(bucket.set(&owned, entry.value, Set::default()));
            }
            bucket.increment(&owned, delta)
        })
    }
}

#[tokio::test]
async fn a_refusal_that_ends_a_time_to_live_is_caught() {
    let caught = Caught::with(EndsFirst);
    let story = caught
        .by(ttl::a_refused_write_changes_no_time_to_live)
        .await;
    assert!(story.contains("\"short\""), "{story}");
}

/// How a watch delivers the expiration of a key.
#[derive(Clone, Copy)]
enum Ends {
    /// After the next event of the key, as a store does that sweeps later.
    Late,
    Twice,
    /// Only to watches that are open at the time.
    Live,
}

impl Bug for Ends {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let (how, is_resumed) = (*self, since != Since::Now);
        inner.watch(filter, since).map(move |watch| {
            let start = watch.start().cloned();
            let mut held = None;
            let events = watch.flat_map(move |event| {
                let is_end = matches!(&event, Ok(Event::Delete { expired: true, .. }));
                let delivered = match how {
                    Self::Late if is_end => {
                        held = Some(event);
                        vec![]
                    }
                    Self::Late => [Some(event), held.take()].into_iter().flatten().collect(),
                    Self::Twice if is_end => vec![event.clone(), event],
                    Self::Live if is_end && is_resumed => vec![],
                    Self::Twice | Self::Live => vec![event],
                };
                futures::stream::iter(delivered)
            });
            Watch::new(start, events)
        })
    }
}

#[tokio::test]
async fn an_expiration_that_is_delivered_at_the_wrong_time_is_caught() {
    for ends in [Ends::Late, Ends::Twice] {
        Caught::with(ends)
            .by(ttl::an_expiration_is_delivered_before_the_next_write)
            .await;
    }
    Caught::with(Ends::Live)
        .by(ttl::a_resumed_watch_delivers_missed_expirations)
        .await;
}
