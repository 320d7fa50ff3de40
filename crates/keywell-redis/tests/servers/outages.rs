//! While a server is away, calls fail at once, and nothing has to be restarted afterwards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use keywell_servers::{Proxy, Redis, Towards};
use keywell_store::{Bucket, Change, Error, Expected, Filter, List, Set, Since};
use tokio::time::timeout;

use crate::support::{
    PATIENCE, Stalls, bucket, connect, hasty, on_both_layouts, open, recovered, until,
};

on_both_layouts! {
    a_call_while_the_server_is_down_is_refused_at_once
    a_call_while_the_server_is_silent_is_refused_at_once
    a_server_that_accepts_and_never_answers_blocks_no_call
    what_waits_for_a_silent_server_is_bounded
    late_answers_are_taken_for_no_others
    attempts_to_connect_are_few
    every_call_is_refused_while_the_server_is_down
    a_restart_without_data_is_seen
    nothing_is_opened_where_no_server_listens
    closing_while_the_server_is_down_ends
}

/// As long as an answer may take by [`hasty`], and a little longer.
pub(crate) async fn answer_timeout() {
    let _ = timeout(Duration::from_millis(350), std::future::pending::<()>()).await;
}

async fn get(bucket: &Arc<dyn Bucket>) -> (Result<(), Error>, Duration) {
    let asked = Instant::now();
    let answer = timeout(PATIENCE, bucket.get("k")).await;
    let answer = answer.expect("every call is answered").map(drop);
    (answer, asked.elapsed())
}

/// Calls are refused, none later than this.
async fn refused_within(bucket: &Arc<dyn Bucket>, calls: usize, bound: Duration) {
    let stalls = Stalls::note();
    for _ in 0..calls {
        let (answer, took) = get(bucket).await;
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
        assert!(took < bound + stalls.longest(), "refused after {took:?}");
    }
}

async fn a_call_while_the_server_is_down_is_refused_at_once(layout: &str) {
    let redis = Redis::start().await.unwrap();
    // As it comes: an answer may take a second.
    let store = open(&redis.url(), &format!("layout={layout}")).await;
    let bucket = bucket(&store, "b").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    redis.kill().await.unwrap();
    refused_within(&bucket, 1000, Duration::from_millis(200)).await;
    redis.restart().await.unwrap();
    recovered(&bucket).await;
}

async fn a_call_while_the_server_is_silent_is_refused_at_once(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &format!("layout={layout}")).await;
    let bucket = bucket(&store, "b").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    redis.freeze().unwrap();
    // The first finds out, within the time that an answer may take.
    let (answer, took) = get(&bucket).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    let stalls = Stalls::note();
    // Whatever is found out meanwhile: the connection is given up, and new ones are silent too.
    let end = Instant::now() + Duration::from_secs(4);
    let mut slowest = Duration::ZERO;
    let mut calls = 0;
    while Instant::now() < end {
        let (answer, took) = get(&bucket).await;
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
        slowest = slowest.max(took);
        calls += 1;
    }
    assert!(
        slowest < Duration::from_millis(500) + stalls.longest(),
        "{slowest:?} of {calls}"
    );
    redis.thaw().unwrap();
    recovered(&bucket).await;
}

async fn a_server_that_accepts_and_never_answers_blocks_no_call(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let store = open(&redis.url_at(proxy.addr()), &format!("layout={layout}")).await;
    let bucket = bucket(&store, "b").await;
    proxy.stall(Towards::Client);
    proxy.cut();
    let end = Instant::now() + Duration::from_secs(4);
    let stalls = Stalls::note();
    let mut slow = Vec::new();
    while Instant::now() < end {
        let (answer, took) = get(&bucket).await;
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
        if took > Duration::from_millis(500) + stalls.longest() {
            slow.push(took);
        }
    }
    // One may have waited for the connection that was tried first.
    assert!(slow.len() <= 1, "{slow:?}");
    assert!(
        slow.iter()
            .all(|took| *took < Duration::from_millis(1500) + stalls.longest()),
        "{slow:?}"
    );
    proxy.flow(Towards::Client);
    recovered(&bucket).await;
}

async fn what_waits_for_a_silent_server_is_bounded(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &format!("layout={layout}")).await;
    let bucket = bucket(&store, "b").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    redis.freeze().unwrap();
    let value = Bytes::from(vec![b'x'; 4 << 20]);
    let sets = (0..100).map(|number| {
        let (bucket, value) = (bucket.clone(), value.clone());
        async move {
            let key = format!("large/{number}");
            let asked = Instant::now();
            let outcome = bucket.set(&key, value, Set::default()).await;
            (outcome, asked.elapsed())
        }
    });
    let outcomes = timeout(PATIENCE, join_all(sets)).await;
    let outcomes = outcomes.expect("all are answered");
    let is_refused = |(outcome, took): &&(Result<_, Error>, Duration)| {
        assert!(outcome.is_err(), "{outcome:?}");
        matches!(outcome, Err(Error::Unavailable(_))) && *took < Duration::from_millis(500)
    };
    let refused = outcomes.iter().filter(is_refused).count();
    let taken = 100 - refused;
    // 64 MiB may wait, as much again may be being written, and the system takes a few.
    assert!(
        refused > 0 && taken <= 40,
        "{taken} of 100 sets of 4 MiB were taken"
    );
    redis.thaw().unwrap();
    recovered(&bucket).await;
}

/// Answers that come after the time they had belong to calls that were given up.
async fn late_answers_are_taken_for_no_others(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let store = open(&redis.url_at(proxy.addr()), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    for key in 0..100 {
        let value = Bytes::from(format!("value {key}"));
        bucket
            .set(&format!("{key}"), value, Set::default())
            .await
            .unwrap();
    }
    for _ in 0..5 {
        proxy.stall(Towards::Client);
        let late = (0..10).map(|key| {
            let bucket = bucket.clone();
            async move { bucket.get(&key.to_string()).await }
        });
        let late = join_all(late).await;
        assert!(
            late.iter()
                .all(|late| matches!(late, Err(Error::Unavailable(_)))),
            "{late:?}"
        );
        proxy.flow(Towards::Client);
        until("answers again", || async {
            for key in 0..100 {
                let entry = bucket.get(&key.to_string()).await?;
                assert_eq!(entry.unwrap().value, format!("value {key}"));
            }
            Ok::<(), Error>(())
        })
        .await;
    }
}

async fn attempts_to_connect_are_few(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let store = open(&redis.url_at(proxy.addr()), &format!("layout={layout}")).await;
    let bucket = bucket(&store, "b").await;
    redis.kill().await.unwrap();
    let before = proxy.accepted();
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        let (answer, _) = get(&bucket).await;
        assert!(answer.is_err());
        tokio::task::yield_now().await;
    }
    let attempts = proxy.accepted() - before;
    assert!((2..=40).contains(&attempts), "{attempts} in 3 s");
    redis.restart().await.unwrap();
    recovered(&bucket).await;
}

async fn every_call_is_refused_while_the_server_is_down(layout: &str) {
    let redis = Redis::builder()
        .config("notify-keyspace-events KEA")
        .start()
        .await
        .unwrap();
    let store = open(&redis.url(), &format!("layout={layout}")).await;
    let bucket = bucket(&store, "b").await;
    let version = bucket.set("k", "v".into(), Set::default()).await.unwrap();
    redis.kill().await.unwrap();
    until("the store to notice", || async {
        match bucket.get("k").await {
            Err(Error::Unavailable(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let change = Change::Set("w".into(), Set::default());
    let refused = [
        bucket.exists("k").await.map(drop),
        bucket.set("k", "w".into(), Set::default()).await.map(drop),
        bucket.delete("k").await,
        bucket.increment("n", 1).await.map(drop),
        bucket
            .swap("k", Expected::At(version), change)
            .await
            .map(drop),
        bucket.get_many(&["k", "l"]).await.map(drop),
        bucket.set_many(vec![("k", "w".into())]).await,
        bucket.delete_many(&["k", "l"]).await,
        bucket.list(List::default()).await.map(drop),
        bucket.watch(Filter::All, Since::Now).await.map(drop),
        store.health().await,
        store.buckets().await.map(drop),
    ];
    for (number, refused) in refused.into_iter().enumerate() {
        assert!(
            matches!(refused, Err(Error::Unavailable(_))),
            "call {number}: {refused:?}"
        );
    }
}

async fn a_restart_without_data_is_seen(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    let before = bucket.get("k").await.unwrap().unwrap();
    redis.restart_empty().await.unwrap();
    recovered(&bucket).await;
    assert!(bucket.get("k").await.unwrap().is_none());
    assert!(bucket.list(List::default()).await.unwrap().keys.is_empty());
    let change = Change::Set("w".into(), Set::default());
    let expected = Expected::At(before.version.clone());
    let swap = bucket
        .swap("k", expected.clone(), change.clone())
        .await
        .unwrap();
    assert_eq!(swap, keywell_store::Swap::Stale);
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 1);
    if layout == "journal" {
        // The same value, as often written, is another version.
        bucket.set("k", "v".into(), Set::default()).await.unwrap();
        let swap = bucket.swap("k", expected, change).await.unwrap();
        assert_eq!(swap, keywell_store::Swap::Stale);
    }
}

async fn nothing_is_opened_where_no_server_listens(layout: &str) {
    let redis = Redis::builder()
        .user("ann", "hunter2")
        .start()
        .await
        .unwrap();
    redis.kill().await.unwrap();
    let url = format!("{}?layout={layout}", redis.url());
    let asked = Instant::now();
    let refused = connect(&url).await;
    let refused = refused.map(drop).unwrap_err().to_string();
    assert!(asked.elapsed() < PATIENCE);
    assert!(refused.contains(&redis.addr().to_string()), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");

    // A lazy one opens, and is there when the server is.
    let lazy = open(&redis.url(), &format!("layout={layout}&lazy=true")).await;
    let bucket = bucket(&lazy, "b").await;
    redis.restart().await.unwrap();
    recovered(&bucket).await;
}

async fn closing_while_the_server_is_down_ends(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    redis.freeze().unwrap();
    let outcome = {
        let bucket = bucket.clone();
        tokio::spawn(async move { bucket.increment("n", 1).await })
    };
    let closed = timeout(PATIENCE, store.close()).await;
    closed.expect("it ends").unwrap();
    let outcome = timeout(PATIENCE, outcome)
        .await
        .expect("it is answered")
        .unwrap();
    assert!(outcome.is_err());
    let refused = bucket.get("k").await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
}
