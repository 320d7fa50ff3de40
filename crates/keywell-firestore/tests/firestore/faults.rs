//! A service that is gone, silent, or slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::join_all;
use keywell_servers::{Firestore, Proxy, Towards};
use keywell_store::{Bucket, Change, Error, Expected, Filter, Set, Since};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::place::{open, options, store};

const VALUE: Bytes = Bytes::from_static(b"v");

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

async fn until_counted(counted: &watch::Sender<i64>, more: i64) {
    let goal = *counted.borrow() + more;
    let mut counts = counted.subscribe();
    let counting = counts.wait_for(|count| *count >= goal);
    let reached = timeout(Duration::from_mins(1), counting).await;
    drop(
        reached
            .expect("it goes on counting")
            .expect("it is counted"),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_count_once_while_the_service_is_cut_off() {
    let server = Firestore::start().await.unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let is_stopped = Arc::new(AtomicBool::new(false));
    let counted = Arc::new(watch::Sender::new(0));
    let each = (0..4).map(|_| {
        let (bucket, is_stopped, counted) = (bucket.clone(), is_stopped.clone(), counted.clone());
        tokio::spawn(async move {
            let (mut done, mut doubtful) = (0_i64, 0_i64);
            while !is_stopped.load(Ordering::Relaxed) {
                match bucket.increment("n", 1).await {
                    Ok(_) => {
                        done += 1;
                        counted.send_modify(|count| *count += 1);
                    }
                    Err(Error::Ambiguous(_)) => doubtful += 1,
                    Err(Error::Unavailable(_)) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
            (done, doubtful)
        })
    });
    let tasks: Vec<_> = each.collect();
    until_counted(&counted, 30).await;
    for _ in 0..3 {
        server.kill().unwrap();
        server.restart().await.unwrap();
        until_counted(&counted, 30).await;
    }
    is_stopped.store(true, Ordering::Relaxed);
    let (mut done, mut doubtful) = (0, 0);
    for ended in join_all(tasks).await {
        let ended = ended.unwrap();
        (done, doubtful) = (done + ended.0, doubtful + ended.1);
    }
    let entry = bucket.get("n").await.unwrap().unwrap();
    let sum: i64 = std::str::from_utf8(&entry.value).unwrap().parse().unwrap();
    let is_right = (done..=done + doubtful).contains(&sum);
    assert!(is_right, "{done} + {doubtful}: {sum}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_lands_that_was_unavailable() {
    let server = Firestore::start().await.unwrap();
    let mut options = options(&server);
    options.answer_timeout = Duration::from_millis(300);
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    server.kill().unwrap();
    let keys: Vec<String> = (0..400).map(|number| format!("k{number}")).collect();
    let sets = keys
        .iter()
        .map(|key| bucket.set(key, VALUE, Set::default()));
    let ended = join_all(sets).await;
    let mut refused = Vec::new();
    for (key, ended) in keys.iter().zip(ended) {
        match ended.unwrap_err() {
            Error::Unavailable(_) => refused.push(key.as_str()),
            Error::Ambiguous(_) => {}
            error => panic!("{error}"),
        }
    }
    assert!(refused.len() > 100, "{}", refused.len());
    server.restart().await.unwrap();
    until_written(&*bucket, "after").await;
    let landed = bucket.get_many(&refused).await.unwrap();
    assert!(landed.iter().all(Option::is_none));
    assert!(bucket.exists("k").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_service_leaves_writes_in_doubt_and_reads_unanswered() {
    let server = Firestore::start().await.unwrap();
    let mut options = options(&server);
    options.answer_timeout = Duration::from_millis(500);
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    bucket.set("n", "1".into(), Set::default()).await.unwrap();
    let before = bucket.get("n").await.unwrap().unwrap();
    let commits = server.calls("Commit");
    server.freeze().unwrap();
    let begun = Instant::now();
    let change = Change::Set("2".into(), Set::default());
    let expected = Expected::At(before.version.clone());
    let swapped = bucket.swap("n", expected, change).await;
    assert!(matches!(swapped, Err(Error::Ambiguous(_))), "{swapped:?}");
    let read = bucket.get("n").await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    server.thaw().unwrap();
    until_written(&*bucket, "after").await;
    // It was sent once, and took effect at most once.
    assert!(server.calls("Commit") <= commits + 2);
    let after = bucket.get("n").await.unwrap().unwrap();
    assert!(after.value == "2" || after == before, "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_off_leaves_a_write_in_doubt() {
    let server = Firestore::start().await.unwrap();
    let proxy = Proxy::to(server.addr()).await.unwrap();
    let direct = options(&server);
    let mut options = direct.clone();
    options.emulator = Some(proxy.addr().to_string());
    options.answer_timeout = Duration::from_secs(2);
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    let other = open(&crate::place::store(&direct).await, "b").await;
    proxy.stall(Towards::Client);
    let set = bucket.set("k", "w".into(), Set::default());
    let cutting = async {
        // By then the service has it.
        while other.get("k").await.unwrap().unwrap().value != "w" {
            tokio::task::yield_now().await;
        }
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
async fn a_watch_goes_on_after_its_connection_is_lost() {
    let server = Firestore::start().await.unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    bucket.set("first", VALUE, Set::default()).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().key(), Some("first"));
    server.kill().unwrap();
    server.restart().await.unwrap();
    until_written(&*bucket, "second").await;
    let next = timeout(Duration::from_secs(30), watch.next()).await;
    let event = next.expect("it goes on").unwrap().unwrap();
    assert_eq!(event.key(), Some("second"), "{event:?}");
    server.end_listeners();
    bucket.set("third", VALUE, Set::default()).await.unwrap();
    let next = timeout(Duration::from_secs(30), watch.next()).await;
    let event = next.expect("it goes on").unwrap().unwrap();
    assert_eq!(event.key(), Some("third"), "{event:?}");
}
