//! Emulators that are killed, frozen and slow, and answers that get lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::join_all;
use keywell_dynamodb::DynamoDbOptions;
use keywell_servers::{Ministack, Proxy, Towards};
use keywell_store::{Bucket, Change, Error, Expected, Filter, Set, Since};
use tokio::time::{Instant, timeout};

use crate::place::{open, options, store};

const VALUE: Bytes = Bytes::from_static(b"v");

fn through(proxy: &Proxy, options: &DynamoDbOptions) -> DynamoDbOptions {
    DynamoDbOptions {
        endpoint: Some(format!("http://{}", proxy.addr())),
        ..options.clone()
    }
}

/// Increments a counter from several tasks; answers how often that succeeded, and how often it is not
/// known.
async fn count(bucket: &Arc<dyn Bucket>, each: usize) -> (i64, i64) {
    let tasks = (0..4).map(|_| {
        let bucket = bucket.clone();
        tokio::spawn(async move {
            let (mut done, mut doubtful) = (0, 0);
            for _ in 0..each {
                match bucket.increment("n", 1).await {
                    Ok(_) => done += 1,
                    Err(Error::Ambiguous(_)) => doubtful += 1,
                    Err(Error::Unavailable(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            (done, doubtful)
        })
    });
    let mut sum = (0, 0);
    for ended in join_all(tasks).await {
        let (done, doubtful) = ended.unwrap();
        sum = (sum.0 + done, sum.1 + doubtful);
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_count_once_while_answers_get_lost() {
    let server = Ministack::start().await.unwrap();
    let options = options(server.url());
    let direct = open(&store(&options).await, "b").await;
    let proxy = Proxy::to(server.addr()).await.unwrap();
    let bucket = open(&store(&through(&proxy, &options)).await, "b").await;
    let counting = count(&bucket, 40);
    let cutting = async {
        for _ in 0..8 {
            proxy.cut_after_bytes(Towards::Client, 700);
            while proxy.will_cut() && !bucket.exists("end").await.unwrap_or_default() {}
        }
    };
    let ending = async {
        let counted = counting.await;
        direct.set("end", VALUE, Set::default()).await.unwrap();
        counted
    };
    let ((done, doubtful), ()) = tokio::join!(ending, cutting);
    let entry = direct.get("n").await.unwrap().unwrap();
    let sum: i64 = std::str::from_utf8(&entry.value).unwrap().parse().unwrap();
    assert!(
        (done..=done + doubtful).contains(&sum),
        "{done} + {doubtful}: {sum}"
    );
    assert!(done > 50, "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_gone_leaves_nothing_in_doubt_and_its_table_is_missed() {
    let server = Ministack::start().await.unwrap();
    let mut options = options(server.url());
    options.answer_timeout = Duration::from_secs(3);
    let first = store(&options).await;
    let bucket = open(&first, "b").await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    server.kill().await.unwrap();
    // A connection of before may be found closed only when it is used.
    for _ in 0..2 {
        drop(bucket.get("k").await);
    }
    for _ in 0..3 {
        let set = bucket.set("k", VALUE, Set::default()).await;
        assert!(matches!(set, Err(Error::Unavailable(_))), "{set:?}");
    }
    server.restart().await.unwrap();
    // The emulator forgets its tables.
    let error = bucket.get("k").await.unwrap_err();
    assert!(error.to_string().contains(&options.table), "{error}");
    store(&options).await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    assert!(bucket.exists("k").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_service_leaves_writes_in_doubt_and_reads_unanswered() {
    let server = Ministack::start().await.unwrap();
    let mut options = options(server.url());
    let first = store(&options).await;
    drop(first);
    options.answer_timeout = Duration::from_millis(800);
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    bucket.set("n", VALUE, Set::default()).await.unwrap();
    let before = bucket.get("n").await.unwrap().unwrap();
    server.freeze().unwrap();
    let begun = Instant::now();
    let change = Change::Set(Bytes::from_static(b"w"), Set::default());
    let expected = Expected::At(before.version.clone());
    let swapped = bucket.swap("n", expected, change).await;
    assert!(matches!(swapped, Err(Error::Ambiguous(_))), "{swapped:?}");
    let read = bucket.get("n").await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    server.thaw().unwrap();
    // It was sent once, so it took effect at most once.
    let reading = async {
        loop {
            if let Ok(entry) = bucket.get("n").await {
                break entry.unwrap();
            }
        }
    };
    let after = timeout(Duration::from_secs(30), reading).await.unwrap();
    assert!(after.value == "w" || after == before, "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_off_leaves_a_write_in_doubt() {
    let server = Ministack::start().await.unwrap();
    let options = options(server.url());
    let direct = open(&store(&options).await, "b").await;
    let proxy = Proxy::to(server.addr()).await.unwrap();
    let bucket = open(&store(&through(&proxy, &options)).await, "b").await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    proxy.stall(Towards::Client);
    let set = bucket.set("k", Bytes::from_static(b"w"), Set::default());
    let cutting = async {
        // By then the emulator has it.
        while direct.get("k").await.unwrap().unwrap().value != "w" {}
        proxy.cut();
    };
    let (ended, ()) = tokio::join!(set, cutting);
    proxy.flow(Towards::Client);
    assert!(matches!(ended, Err(Error::Ambiguous(_))), "{ended:?}");
    // A slow way is slow, and no fault.
    proxy.delay(Duration::from_millis(50));
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "w");
    bucket.set("k", VALUE, Set::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_after_its_connections_were_cut() {
    let server = Ministack::start().await.unwrap();
    let options = options(server.url());
    let direct = open(&store(&options).await, "b").await;
    let proxy = Proxy::to(server.addr()).await.unwrap();
    let bucket = open(&store(&through(&proxy, &options)).await, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    for key in ["first", "second", "third"] {
        proxy.refuse(true);
        proxy.cut();
        direct.set(key, VALUE, Set::default()).await.unwrap();
        proxy.refuse(false);
        let next = timeout(Duration::from_secs(30), watch.next()).await;
        let event = next.expect("it goes on").unwrap().unwrap();
        assert_eq!(event.key(), Some(key), "{event:?}");
    }
}
