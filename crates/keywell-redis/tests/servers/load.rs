//! Clients that count their answers, so that after any fault these can be checked against what
//! is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use keywell_conformance::history::{Request, Response, Service};
use keywell_store::{Bucket, Capabilities, Change, Error, Expected, Set, Swap};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::support::{PATIENCE, recovered};

/// Clients at work, each in turns with increments of a counter that all share, sets of a key of its
/// own, swaps of a key that all share, and reads.
pub(crate) struct Load {
    bucket: Arc<dyn Bucket>,
    stop: Arc<AtomicBool>,
    answered: watch::Sender<u64>,
    clients: JoinSet<Counts>,
}

/// The answers to clients.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) increments: Outcomes,
    pub(crate) swaps: Outcomes,
    /// Sets, whatever came of them.
    pub(crate) sets: Outcomes,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) done: i64,
    pub(crate) ambiguous: i64,
    pub(crate) unavailable: i64,
}

/// What is known of the key of a client: the last value acknowledged, and the last one sent.
#[derive(Default)]
struct Own {
    acknowledged: u64,
    sent: u64,
}

const COUNTER: &str = "counter";
const CHAIN: &str = "chain";

/// What may have happened to acknowledged writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// Nothing: every one is there.
    All,
    /// The server may have lost the latest, as one that failed over does.
    Some,
}

// === impl Load ===

impl Load {
    /// Starts so many clients.
    pub(crate) fn start(bucket: &Arc<dyn Bucket>, clients: usize, keeps: Keeps) -> Self {
        let mut load = Self {
            bucket: bucket.clone(),
            stop: Arc::default(),
            answered: watch::Sender::new(0),
            clients: JoinSet::new(),
        };
        for number in 0..clients {
            let client = Client {
                bucket: bucket.clone(),
                key: format!("own/{number}"),
                own: Own::default(),
                counts: Counts::default(),
                keeps,
            };
            let (stop, answered) = (load.stop.clone(), load.answered.clone());
            load.clients.spawn(client.run(stop, answered));
        }
        load
    }

    /// Waits until so many more operations were answered with success.
    pub(crate) async fn goes_on(&self, operations: u64) {
        let enough = *self.answered.borrow() + operations;
        let mut answered = self.answered.subscribe();
        let waited = answered.wait_for(|answered| *answered >= enough);
        timeout(PATIENCE, waited)
            .await
            .expect("operations are answered again")
            .unwrap();
    }

    /// Ends the clients, adds up their answers, and compares them with what is there.
    pub(crate) async fn check(mut self, keeps: Keeps) -> Counts {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Counts::default();
        while let Some(counts) = self.clients.join_next().await {
            let counts =
                counts.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            all.increments.add(counts.increments);
            all.swaps.add(counts.swaps);
            all.sets.add(counts.sets);
        }
        recovered(&self.bucket).await;
        for (key, outcomes) in [(COUNTER, all.increments), (CHAIN, all.swaps)] {
            // Of several connections, others may still be away.
            let held = loop {
                match self.bucket.get(key).await {
                    Ok(held) => break held,
                    Err(error) => assert!(matches!(error, Error::Unavailable(_)), "{error:?}"),
                }
                recovered(&self.bucket).await;
            };
            let held = held.map_or(0, |entry| {
                String::from_utf8_lossy(&entry.value)
                    .parse::<i64>()
                    .unwrap()
            });
            let most = outcomes.done + outcomes.ambiguous;
            assert!(held <= most, "{key}: {held} is there, {outcomes:?}");
            assert!(
                held >= outcomes.done || keeps == Keeps::Some,
                "{key}: only {held} is there, {outcomes:?}"
            );
        }
        assert!(all.increments.done > 0 && all.swaps.done > 0, "{all:?}");
        println!("{all:?}");
        all
    }
}

// === impl Outcomes ===

impl Outcomes {
    fn add(&mut self, other: Self) {
        self.done += other.done;
        self.ambiguous += other.ambiguous;
        self.unavailable += other.unavailable;
    }

    /// Notes how a write ended; nothing else may come of it.
    fn note<T>(&mut self, outcome: &Result<T, Error>) {
        match outcome {
            Ok(_) => self.done += 1,
            Err(Error::Ambiguous(_)) => self.ambiguous += 1,
            Err(Error::Unavailable(_)) => self.unavailable += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
}

struct Client {
    bucket: Arc<dyn Bucket>,
    key: String,
    own: Own,
    counts: Counts,
    keeps: Keeps,
}

// === impl Client ===

impl Client {
    async fn run(mut self, stop: Arc<AtomicBool>, answered: watch::Sender<u64>) -> Counts {
        // During an outage answers come at once, and would be asked for without end.
        let mut turns = interval(Duration::from_millis(1));
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answers = 0;
        while !stop.load(Ordering::Relaxed) {
            turns.tick().await;
            let before = self.successes();
            let sum = self.bucket.increment(COUNTER, 1).await;
            self.counts.increments.note(&sum);
            self.set().await;
            self.swap().await;
            self.read().await;
            answers += self.successes() - before;
            if answers > 0 {
                let more = u64::try_from(std::mem::take(&mut answers)).unwrap();
                answered.send_modify(|answered| *answered += more);
            }
        }
        self.counts
    }

    fn successes(&self) -> i64 {
        self.counts.increments.done + self.counts.sets.done + self.counts.swaps.done
    }

    async fn set(&mut self) {
        self.own.sent += 1;
        let value = Bytes::from(self.own.sent.to_string());
        let outcome = self.bucket.set(&self.key, value, Set::default()).await;
        self.counts.sets.note(&outcome);
        if outcome.is_ok() {
            self.own.acknowledged = self.own.sent;
        }
    }

    /// No other client writes the key: it holds what was acknowledged last, or what may have been
    /// written since. An answer to another question would show here.
    async fn read(&mut self) {
        let entry = match self.bucket.get(&self.key).await {
            Ok(entry) => entry,
            Err(Error::Unavailable(_)) => return,
            Err(other) => panic!("a read: {other:?}"),
        };
        let held = entry.map_or(0, |entry| {
            let text = String::from_utf8_lossy(&entry.value).into_owned();
            text.parse::<u64>()
                .unwrap_or_else(|_| panic!("{} holds {text:?}", self.key))
        });
        let Own { acknowledged, sent } = self.own;
        assert!(
            held <= sent,
            "{}: {held}, and {sent} was the last",
            self.key
        );
        assert!(
            held >= acknowledged || self.keeps == Keeps::Some,
            "{}: {held}, and {acknowledged} was acknowledged",
            self.key
        );
    }

    /// One link of the chain: reads, and swaps for one more.
    async fn swap(&mut self) {
        let Ok(entry) = self.bucket.get(CHAIN).await else {
            return;
        };
        let next = entry.as_ref().map_or(1, |entry| {
            String::from_utf8_lossy(&entry.value)
                .parse::<u64>()
                .unwrap()
                + 1
        });
        let change = Change::Set(Bytes::from(next.to_string()), Set::default());
        let expected = Expected::from(entry.as_ref());
        match self.bucket.swap(CHAIN, expected, change).await {
            Ok(Swap::Stale) => {}
            outcome => self.counts.swaps.note(&outcome),
        }
    }
}

/// Several handles on one bucket, each question to the next one.
pub(crate) struct Either {
    buckets: Vec<Arc<dyn Bucket>>,
    next: AtomicUsize,
}

/// A bucket whose clients pause for a moment when it is away, rather than ask on at once.
pub(crate) struct Paced(Arc<dyn Bucket>);

// === impl Either ===

impl Either {
    pub(crate) fn new(buckets: &[Arc<dyn Bucket>]) -> Self {
        Self {
            buckets: buckets.to_vec(),
            next: AtomicUsize::new(0),
        }
    }
}

impl Service for Either {
    fn declared(&self) -> Capabilities {
        self.buckets[0].capabilities()
    }

    async fn call(&self, key: &str, request: &Request) -> Response {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.buckets.len();
        self.buckets[next].call(key, request).await
    }
}

// === impl Paced ===

impl Paced {
    pub(crate) fn new(bucket: &Arc<dyn Bucket>) -> Self {
        Self(bucket.clone())
    }
}

impl Service for Paced {
    fn declared(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn call(&self, key: &str, request: &Request) -> Response {
        let response = self.0.call(key, request).await;
        if matches!(response, Response::Refused(_)) {
            recovered(&self.0).await;
        }
        response
    }
}
