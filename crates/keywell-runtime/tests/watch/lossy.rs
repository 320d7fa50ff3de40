use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use keywell_memory::MemoryStore;
use keywell_store::layer::{Faults, Faulty, Layered, Rates};
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Change, Entry, Error, Event, Expected, Filter, List,
    Page, Promptness, Set, Since, Store, Swap, Version, Watch, Watching,
};
use keywell_wasi::Grants;

use crate::support::*;

/// How the watches of a store differ from those of a memory store.
#[derive(Clone)]
pub(crate) enum Watches {
    /// Not at all.
    Resumable,
    /// They carry no tokens, report a gap before the key `gap`, and count each event as one coalesced.
    Lossy(Arc<AtomicU64>),
    /// They resume, and deliver the last of the events of a key that are ready together.
    Latest,
    /// They break off after so many events.
    Breaking(usize),
}

/// A memory store whose default bucket has other watches. What the test itself looks at is whole.
pub(crate) struct Watched {
    pub(crate) inner: MemoryStore,
    pub(crate) watches: Watches,
    pub(crate) is_exclusive: bool,
}

struct WatchedBucket {
    inner: Arc<dyn Bucket>,
    watches: Watches,
}

impl Store for Watched {
    fn is_exclusive(&self) -> bool {
        self.is_exclusive
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let opened = self.inner.open(name);
        if !name.is_default() {
            return opened;
        }
        let watches = self.watches.clone();
        opened.map(move |inner| -> Arc<dyn Bucket> { Arc::new(WatchedBucket { inner, watches }) })
    }
}

impl Bucket for WatchedBucket {
    fn capabilities(&self) -> Capabilities {
        let watch = match self.watches {
            Watches::Lossy(_) => Watching::Lossy,
            Watches::Latest => Watching::Latest,
            Watches::Resumable | Watches::Breaking(_) => Watching::Resumable,
        };
        Capabilities {
            watch,
            promptness: Promptness::Waits,
            ..self.inner.capabilities()
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.inner.get_within(key, max)
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        self.inner.set(key, value, how)
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.inner.delete(key)
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        self.inner.swap(key, expected, change)
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        self.inner.increment_or_create(key, delta, created)
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.inner.list(request)
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let watches = self.watches.clone();
        self.inner
            .watch(filter, since)
            .map(move |watch| match watches {
                Watches::Resumable => watch,
                Watches::Lossy(coalesced) => {
                    let counted = coalesced.clone();
                    let events = watch.flat_map(move |event| {
                        let mut event = event.unwrap();
                        counted.fetch_add(1, Ordering::SeqCst);
                        if let Event::Set { token, .. } | Event::Delete { token, .. } = &mut event {
                            *token = None;
                        }
                        let gap = (event.key() == Some("gap")).then_some(Event::Gap);
                        stream::iter(gap.into_iter().chain([event]).map(Ok))
                    });
                    Watch::new(None, events).counting(coalesced)
                }
                Watches::Latest => {
                    let start = watch.start().cloned();
                    let count = Arc::new(AtomicU64::new(0));
                    let counting = count.clone();
                    let events = watch.ready_chunks(1000).flat_map(move |ready| {
                        let mut latest: Vec<Event> = Vec::new();
                        for event in ready.into_iter().map(Result::unwrap) {
                            let known = latest.iter().position(|one| one.key() == event.key());
                            if let Some(known) = known {
                                drop(latest.remove(known));
                                counting.fetch_add(1, Ordering::SeqCst);
                            }
                            latest.push(event);
                        }
                        stream::iter(latest.into_iter().map(Ok))
                    });
                    Watch::new(start, events).counting(count)
                }
                Watches::Breaking(after) => {
                    let start = watch.start().cloned();
                    let broken = stream::iter([Err(Error::Unavailable("cut off".into()))]);
                    Watch::new(start, watch.take(after).chain(broken))
                }
            })
    }
}

/// A store whose triggers wait for their records, too.
fn store_with(watches: Watches, is_exclusive: bool) -> Arc<dyn Store> {
    let store = Watched {
        inner: MemoryStore::default(),
        watches,
        is_exclusive,
    };
    let slow_reads = Faults {
        reads: Rates {
            delay: 1.0,
            ..Rates::default()
        },
        ..Faults::default()
    };
    Arc::new(Layered::late(
        Arc::new(store),
        move |name, bucket| match name.as_str() {
            "keywell-triggers" => Arc::new(Faulty::new(bucket, slow_reads)),
            _ => bucket,
        },
    ))
}

fn alone(watches: Watches) -> Arc<dyn Store> {
    store_with(watches, true)
}

/// A store whose events come once and carry no tokens, for several processes.
pub(crate) fn public() -> Arc<dyn Store> {
    store_with(Watches::Lossy(Arc::default()), false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_before_a_process_has_its_shares_is_delivered_too() {
    let store = public();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let grants = Arc::new(Grants::everything_in(store.clone()));
    let trigger = process
        .runtime
        .watch(&process.component, grants, target("SET@*"), &options())
        .await
        .unwrap();
    set(&watched, "k", "early").await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(trigger.run(async move { drop(stopped.await) }));
    until(&record, "log/k", |log| log == "early;").await;
    drop(stop);
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_store_lost_is_counted_and_a_new_start_is_from_now() {
    let coalesced = Arc::new(AtomicU64::new(0));
    let store = alone(Watches::Lossy(coalesced.clone()));
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let trigger = process.watch(&store, "SET@*").await;
    set(&watched, "k", "1").await;
    set(&watched, "gap", "2").await;
    until(&record, "log/gap", |log| log == "2;").await;
    until(&record, "log/k", |log| log == "1;").await;
    let counts = trigger.stop().await;
    assert_eq!((counts.delivered, counts.gaps), (2, 1));
    assert!(counts.coalesced >= 2, "{counts}");
    set(&watched, "k", "missed").await;
    let trigger = process.watch(&store, "SET@*").await;
    set(&watched, "k", "3").await;
    until(&record, "log/k", |log| log == "1;3;").await;
    trigger.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_store_does_not_repeat_is_delivered_before_the_stop() {
    let store = alone(Watches::Lossy(Arc::default()));
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let one_by_one = keywell_runtime::watch::WatchOptions {
        parallel: 1,
        ..options()
    };
    let process = Process::new();
    let trigger = process
        .try_watch(&store, target("SET@slow:*"), &one_by_one)
        .await
        .unwrap();
    for number in 0..10 {
        set(&watched, &format!("slow:{number}"), "v").await;
    }
    // By then all are queued, as events are taken in while the first delivery runs.
    until(&record, "log/slow:0", |log| log == "v;").await;
    assert_eq!(trigger.stop().await.delivered, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_breaks_off_goes_on_where_it_was() {
    let store = alone(Watches::Breaking(7));
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let trigger = Process::new().watch(&store, "SET@*").await;
    let mut log = String::new();
    for number in 0..50 {
        set(&watched, "k", &number.to_string()).await;
        log += &number.to_string();
        log.push(';');
    }
    until(&record, "log/k", |text| text == log).await;
    let counts = trigger.stop().await;
    assert_eq!((counts.delivered, counts.gaps), (50, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_coalesces_and_resumes_has_positions_stored() {
    let store = alone(Watches::Latest);
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let trigger = process.watch(&store, "SET@*,DEL@*").await;
    set(&watched, "k", "1").await;
    until(&record, "log/k", |log| log == "1;").await;
    trigger.stop().await;
    for value in ["2", "3", "4"] {
        set(&watched, "k", value).await;
        set(&watched, "other", value).await;
    }
    watched.delete("other").await.unwrap();
    let trigger = process.watch(&store, "SET@*,DEL@*").await;
    until(&record, "log/k", |log| log == "1;4;").await;
    until(&record, "log/other", |log| log == "nil;").await;
    let counts = trigger.stop().await;
    assert_eq!((counts.delivered, counts.coalesced, counts.gaps), (2, 5, 0));
}
