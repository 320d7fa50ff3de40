//! An account that is down, frozen, slow or throttled, and answers that are lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use keywell_servers::{Cosmos, CosmosAnswer};
use keywell_store::{Action, Bucket, Change, Error, Expected, Set, Swap, Transaction};
use tokio::time::timeout;

use crate::place::{open, options, store};

const VALUE: Bytes = Bytes::from_static(b"v");

fn answer(status: u16, substatus: u32) -> CosmosAnswer {
    CosmosAnswer {
        status,
        substatus,
        retry_after_ms: None,
    }
}

async fn counter(bucket: &dyn Bucket) -> i64 {
    let entry = bucket.get("n").await.unwrap().unwrap();
    std::str::from_utf8(&entry.value).unwrap().parse().unwrap()
}

/// Writes until it can, which it has to soon.
async fn until_written(bucket: &dyn Bucket, key: &str) {
    let writing = async {
        while bucket.set(key, VALUE, Set::default()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let written = timeout(Duration::from_secs(30), writing).await;
    written.expect("it recovers");
}

/// The requests that were sent since so many, and that write.
fn writes_since(server: &Cosmos, before: usize) -> usize {
    let requests = server.requests().into_iter().skip(before);
    let is_write = |method: &str| method == "POST" || method == "PUT";
    requests.filter(|request| is_write(&request.method)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_is_lost_is_in_doubt_and_sent_once() {
    let server = Cosmos::start().unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let version = bucket.set("k", VALUE, Set::default()).await.unwrap();
    bucket.set("n", "1".into(), Set::default()).await.unwrap();
    let doubtful = |ended: Result<(), Error>, what: &str| {
        assert!(
            matches!(ended, Err(Error::Ambiguous(_))),
            "{what}: {ended:?}"
        );
    };
    let before = || server.requests().len();
    let sent = before();
    server.lose_next(1);
    doubtful(
        bucket.set("s", VALUE, Set::default()).await.map(drop),
        "set",
    );
    assert_eq!(writes_since(&server, sent), 1);
    assert!(bucket.exists("s").await.unwrap(), "it was done");
    server.lose_next(1);
    let change = Change::Set("new".into(), Set::default());
    let swapped = bucket.swap("k", Expected::At(version.clone()), change.clone());
    doubtful(swapped.await.map(drop), "swap");
    let again = bucket
        .swap("k", Expected::At(version), change)
        .await
        .unwrap();
    assert_eq!(again, Swap::Stale, "it was done");
    let sent = before();
    server.lose_next(1);
    doubtful(bucket.increment("n", 1).await.map(drop), "increment");
    assert_eq!(writes_since(&server, sent), 1);
    assert_eq!(counter(&*bucket).await, 2);
    let sent = before();
    server.lose_next(1);
    let mut transaction = Transaction::default();
    for key in ["t1", "t2"] {
        let change = Change::Set(VALUE, Set::default());
        let action = Action::Change(change);
        transaction.write(&*bucket, key, action).unwrap();
    }
    doubtful(transaction.run(&store).await.map(drop), "transaction");
    assert_eq!(writes_since(&server, sent), 1);
    let sent = before();
    server.lose_next(1);
    let entries = vec![("m1", VALUE), ("m2", VALUE)];
    doubtful(bucket.set_many(entries).await, "batch");
    assert_eq!(writes_since(&server, sent), 1);
    assert!(bucket.exists("m2").await.unwrap() && bucket.exists("t2").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_the_service_fails_are_in_doubt_and_sent_once() {
    let server = Cosmos::start().unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    for status in [408, 500, 503] {
        let sent = server.requests().len();
        server.answer_next(1, answer(status, 0));
        let ended = bucket.set("k", VALUE, Set::default()).await;
        assert!(
            matches!(ended, Err(Error::Ambiguous(_))),
            "{status}: {ended:?}"
        );
        assert_eq!(writes_since(&server, sent), 1, "{status}");
    }
    assert!(!bucket.exists("k").await.unwrap());
}

/// 429 and 449 say that nothing was done, so the client may ask again; for a minute it does not.
#[tokio::test(flavor = "multi_thread")]
async fn throttling_is_waited_for_and_then_unavailable() {
    let server = Cosmos::start().unwrap();
    let mut options = options(&server);
    options.answer_timeout = Duration::from_secs(1);
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let throttled = CosmosAnswer {
        status: 429,
        substatus: 3200,
        retry_after_ms: Some(10),
    };
    server.answer_next(2, throttled);
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    server.answer_next(2, throttled);
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 1);
    server.answer_next(1000, throttled);
    let started = std::time::Instant::now();
    let ended = bucket.set("k", "new".into(), Set::default()).await;
    assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
    let ended = bucket.get("k").await;
    assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
    assert!(started.elapsed() < Duration::from_secs(20));
    server.answer_truly();
    let entry = bucket.get("k").await.unwrap().unwrap();
    assert_eq!(entry.value, VALUE, "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_lands_that_was_unavailable() {
    let server = Cosmos::start().unwrap();
    let mut options = options(&server);
    options.answer_timeout = Duration::from_secs(1);
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    server.kill();
    let keys: Vec<String> = (0..20).map(|number| format!("k{number}")).collect();
    let sets = keys
        .iter()
        .map(|key| bucket.set(key, VALUE, Set::default()));
    let mut refused = Vec::new();
    for (key, ended) in keys.iter().zip(join_all(sets).await) {
        match ended.unwrap_err() {
            Error::Unavailable(_) => refused.push(key.as_str()),
            Error::Ambiguous(_) => {}
            error => panic!("{error}"),
        }
    }
    assert!(refused.len() > 10, "{}", refused.len());
    server.restart().unwrap();
    until_written(&*bucket, "after").await;
    let landed = bucket.get_many(&refused).await.unwrap();
    assert!(landed.iter().all(Option::is_none));
    assert!(bucket.exists("k").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_account_leaves_writes_in_doubt_and_reads_unanswered() {
    let server = Cosmos::start().unwrap();
    let mut options = options(&server);
    options.answer_timeout = Duration::from_secs(1);
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    bucket.set("n", "1".into(), Set::default()).await.unwrap();
    server.freeze();
    let read = bucket.get("n").await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    let written = bucket.set("k", VALUE, Set::default()).await;
    assert!(matches!(written, Err(Error::Ambiguous(_))), "{written:?}");
    let counted = bucket.increment("n", 1).await;
    assert!(counted.is_err(), "{counted:?}");
    server.thaw();
    until_written(&*bucket, "after").await;
    let count = counter(&*bucket).await;
    assert!((1..=2).contains(&count), "{count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_count_once_while_connections_break() {
    let server = Cosmos::start().unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let tasks = (0..4).map(|_| {
        let bucket = bucket.clone();
        tokio::spawn(async move {
            let (mut done, mut doubtful) = (0, 0);
            while done < 25 {
                match bucket.increment("n", 1).await {
                    Ok(_) => done += 1,
                    Err(Error::Ambiguous(_)) => doubtful += 1,
                    Err(Error::Unavailable(_)) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
            (done, doubtful)
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for _ in 0..10 {
        server.lose_next(1);
        tokio::task::yield_now().await;
    }
    server.kill();
    server.restart().unwrap();
    let (mut done, mut doubtful) = (0, 0);
    for ended in join_all(tasks).await {
        let ended = ended.unwrap();
        (done, doubtful) = (done + ended.0, doubtful + ended.1);
    }
    let sum = counter(&*bucket).await;
    assert!(
        (done..=done + doubtful).contains(&sum),
        "{done} + {doubtful}: {sum}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_account_is_waited_for() {
    let server = Arc::new(Cosmos::start().unwrap());
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    server.freeze();
    let before = server.requests().len();
    let writing = tokio::spawn({
        let bucket = bucket.clone();
        async move { bucket.set("k", VALUE, Set::default()).await }
    });
    while server.requests().len() == before && !writing.is_finished() {
        tokio::task::yield_now().await;
    }
    server.thaw();
    writing.await.unwrap().unwrap();
}

/// Where the client asked twice, and something may have been done the first time, a conflict is with
/// the write itself if its mark is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_no_conflict_with_the_write_itself() {
    let server = Cosmos::start().unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    // The service asks for another attempt, and did nothing: the answer is that of the second.
    server.answer_next(1, answer(449, 0));
    let created = Change::Set(VALUE, Set::default());
    let swapped = bucket.swap("k", Expected::Absent, created.clone()).await;
    assert!(matches!(swapped, Ok(Swap::Done(Some(_)))), "{swapped:?}");
    server.answer_next(1, answer(449, 0));
    let swapped = bucket.swap("k", Expected::Absent, created).await;
    assert!(matches!(swapped, Ok(Swap::Stale)), "{swapped:?}");
}
