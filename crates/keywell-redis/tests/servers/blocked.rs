//! A server that no longer reads: writes stay where they are, and their callers get an error in time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use keywell_servers::{Proxy, Redis, Towards};
use keywell_store::{Bucket, Error, Set, Store};
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use crate::support::{PATIENCE, Stalls, bucket, on_both_layouts, open, recovered, until};

on_both_layouts! {
    calls_behind_a_blocked_write_time_out
    closing_answers_calls_behind_a_blocked_write
}

type Outcome = (Result<i64, Error>, Duration);

/// A server behind a proxy that passes on no more commands. One command was executed whose answer the
/// proxy keeps, and behind it a large one is being written.
struct Blocked {
    proxy: Proxy,
    bucket: Arc<dyn Bucket>,
    store: Arc<dyn Store>,
    /// Of another store, past the proxy.
    direct: Arc<dyn Bucket>,
    held: JoinHandle<Outcome>,
    large: JoinHandle<Result<(), Error>>,
    _redis: Redis,
}

async fn count(bucket: Arc<dyn Bucket>) -> Outcome {
    let asked = Instant::now();
    let outcome = bucket.increment("n", 1).await;
    (outcome, asked.elapsed())
}

async fn block(layout: &str) -> Blocked {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let settings = format!("layout={layout}&answer-timeout=1s&connect-timeout=1s");
    let store = open(&redis.url_at(proxy.addr()), &settings).await;
    let behind = bucket(&store, "b").await;
    behind.set("k", "v".into(), Set::default()).await.unwrap();
    behind.increment("n", 1).await.unwrap();
    let direct = bucket(&open(&redis.url(), &format!("layout={layout}")).await, "b").await;
    proxy.stall(Towards::Client);
    let held = tokio::spawn(count(behind.clone()));
    until("one more to be counted", || async {
        match direct.get("n").await {
            Ok(Some(entry)) if entry.value == "2" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    proxy.stall(Towards::Server);
    let large = {
        let bucket = behind.clone();
        // More than the system and the proxy take.
        let value = Bytes::from(vec![b'x'; 16 << 20]);
        tokio::spawn(async move { bucket.set("large", value, Set::default()).await.map(drop) })
    };
    Blocked {
        proxy,
        bucket: behind,
        store,
        direct,
        held,
        large,
        _redis: redis,
    }
}

// === impl Blocked ===

impl Blocked {
    /// Passes one answer on when all that was sent is late, and is silent again.
    async fn answer_once(&mut self) {
        let (held, _) = timeout(PATIENCE, &mut self.held).await.unwrap().unwrap();
        assert!(matches!(held, Err(Error::Ambiguous(_))), "{held:?}");
        let large = timeout(PATIENCE, &mut self.large).await.unwrap().unwrap();
        assert!(matches!(large, Err(Error::Ambiguous(_))), "{large:?}");
        self.proxy.flow(Towards::Client);
    }
}

/// Counts for a while, most of it while the large one is being written: nothing shows when that begins.
async fn count_on(bucket: &Arc<dyn Bucket>) -> Vec<JoinHandle<Outcome>> {
    let mut turns = interval(Duration::from_millis(2));
    let mut counting = Vec::new();
    for turn in 0..200 {
        turns.tick().await;
        if turn < 50 {
            continue;
        }
        counting.push(tokio::spawn(count(bucket.clone())));
    }
    counting
}

async fn all(counting: Vec<JoinHandle<Outcome>>) -> Vec<Outcome> {
    let outcomes = timeout(PATIENCE, join_all(counting)).await;
    let outcomes = outcomes.expect("all are answered");
    outcomes.into_iter().map(Result::unwrap).collect()
}

async fn calls_behind_a_blocked_write_time_out(layout: &str) {
    let stalls = Stalls::note();
    let mut blocked = block(layout).await;
    let counting = count_on(&blocked.bucket).await;
    blocked.answer_once().await;
    let first = all(counting).await;
    let later = join_all((0..20).map(|_| tokio::spawn(count(blocked.bucket.clone())))).await;
    let later: Vec<Outcome> = later.into_iter().map(Result::unwrap).collect();
    let bound = Duration::from_millis(2500) + stalls.longest();
    for (outcome, took) in first.iter().chain(&later) {
        assert!(outcome.is_err(), "{outcome:?}");
        assert!(*took < bound, "{outcome:?} after {took:?}");
    }
    let is_unsent = |(outcome, _): &&Outcome| matches!(outcome, Err(Error::Unavailable(_)));
    let unsent = first.iter().filter(is_unsent).count();
    assert!(unsent > 0, "nothing waited behind the blocked write");
    blocked.proxy.flow(Towards::Server);
    recovered(&blocked.bucket).await;
    // What was said not to have been sent was not.
    let possible = 2 + first.len() + later.len() - unsent;
    let counted = blocked.direct.increment("n", 0).await.unwrap();
    assert!(
        (2..=i64::try_from(possible).unwrap()).contains(&counted),
        "{counted} of {possible}"
    );
}

async fn closing_answers_calls_behind_a_blocked_write(layout: &str) {
    let mut blocked = block(layout).await;
    let counting = count_on(&blocked.bucket).await;
    blocked.answer_once().await;
    let closed = timeout(PATIENCE, blocked.store.close()).await;
    closed.expect("it ends").unwrap();
    for (outcome, _) in all(counting).await {
        assert!(outcome.is_err(), "{outcome:?}");
    }
}
