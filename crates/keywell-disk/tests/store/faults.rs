//! Any one operation of the disk fails, once: the store reports it correctly and continues.

use bytes::Bytes;
use futures::future::join_all;
use keywell_disk::DiskStore;
use keywell_store::{Error, Event, Filter, List, Set, Since, Store};

use crate::disk::Disk;
use crate::support::{bucket, next_events, set, text};

#[tokio::test]
async fn whichever_write_or_sync_fails_the_answer_is_true_and_the_next_write_works() {
    let mut was_unavailable = 0;
    let mut was_ambiguous = 0;
    for fails_after in 1..60 {
        let disk = Disk::default();
        let store = disk.open(DiskStore::builder()).unwrap();
        let bucket = bucket(&store, "b").await;
        set(&bucket, "before", "1").await.unwrap();
        let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
        disk.fail_after(fails_after);
        let mut expected = Vec::new();
        let mut value = 0;
        while !disk.has_failed() {
            value += 1;
            let value = value.to_string();
            let answer = set(&bucket, "key", &value).await;
            let is_there = text(&bucket, "key").await.as_ref() == Some(&value);
            if is_there {
                expected.push(format!("key={value}"));
            }
            match answer {
                Ok(()) => assert!(is_there),
                Err(Error::Unavailable(_)) => {
                    assert!(!is_there, "nothing happened");
                    was_unavailable += 1;
                }
                Err(Error::Ambiguous(_)) => was_ambiguous += 1,
                Err(error) => panic!("{error}"),
            }
        }
        set(&bucket, "key", "last").await.unwrap();
        expected.push("key=last".to_owned());
        assert_eq!(next_events(&mut watch, expected.len()).await, expected);
        drop((watch, bucket, store));
        let store = Disk::with(disk.image()).open(DiskStore::builder()).unwrap();
        let bucket = crate::support::bucket(&store, "b").await;
        assert_eq!(text(&bucket, "before").await.unwrap(), "1");
        assert_eq!(text(&bucket, "key").await.unwrap(), "last");
    }
    assert!(
        was_unavailable > 0,
        "some failed writes are known not to have happened"
    );
    assert!(was_ambiguous > 0, "a failed last sync is ambiguous");
}

#[tokio::test]
async fn a_failed_commit_fails_all_its_writes_and_no_others() {
    let disk = Disk::default();
    let store = disk.open(DiskStore::builder()).unwrap();
    let bucket = bucket(&store, "b").await;
    disk.hold_syncs();
    let mut first = Box::pin(bucket.increment("n", 1));
    assert!(futures::poll!(&mut first).is_pending());
    disk.wait_for_sync();
    let mut group: Vec<_> = (0..10).map(|_| bucket.increment("n", 1)).collect();
    for answer in &mut group {
        assert!(futures::poll!(answer).is_pending());
    }
    let last = disk.operations();
    // The first operation is the sync of the first group; the second writes the second group.
    disk.fail_after(3);
    disk.let_syncs_go();
    assert_eq!(first.await.unwrap(), 1);
    let answers = join_all(group).await;
    assert!(disk.operations() > last);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(Error::Unavailable(_) | Error::Ambiguous(_))))
    );
    let there: i64 = text(&bucket, "n").await.unwrap().parse().unwrap();
    assert!(there == 1 || there == 11, "{there}");
    assert_eq!(bucket.increment("n", 1).await.unwrap(), there + 1);
}

#[tokio::test]
async fn a_read_that_fails_once_is_retried() {
    let disk = Disk::default();
    // Without a cache, every read goes to the disk.
    let store = disk.open(DiskStore::builder().cache_bytes(0)).unwrap();
    let bucket = bucket(&store, "b").await;
    let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let start = Since::After(watch.start().unwrap().clone());
    set(&bucket, "key", "value").await.unwrap();
    disk.fail_next_read();
    assert_eq!(text(&bucket, "key").await.unwrap(), "value");
    disk.fail_next_read();
    let page = bucket.list(List::default()).await.unwrap();
    assert_eq!(page.keys, ["key"]);
    disk.fail_next_read();
    assert_eq!(bucket.get_many(&["key", "none"]).await.unwrap().len(), 2);
    disk.fail_next_read();
    let mut watch = bucket.watch(Filter::All, start).await.unwrap();
    disk.fail_next_read();
    assert_eq!(next_events(&mut watch, 1).await, ["key=value"]);
    disk.fail_next_read();
    assert_eq!(store.buckets().await.unwrap().len(), 1);
    // After a write, the root of the tree is read again.
    set(&bucket, "key", "value").await.unwrap();
    disk.fail_next_read();
    assert!(!bucket.exists("none").await.unwrap());
    assert!(disk.has_failed());
    // A reader broke the database before the writer used it: nothing was written, so it retries.
    set(&bucket, "key", "value").await.unwrap();
    disk.fail_next_read();
    drop(bucket.get("key"));
    assert!(disk.has_failed());
    set(&bucket, "other", "value").await.unwrap();
}

#[tokio::test]
async fn a_disk_that_keeps_failing_answers_errors_and_nothing_hangs() {
    let disk = Disk::default();
    let store = disk.open(DiskStore::builder().cache_bytes(0)).unwrap();
    let bucket = bucket(&store, "b").await;
    set(&bucket, "key", "value").await.unwrap();
    disk.die_after(1);
    let first = bucket.set("key", Bytes::new(), Set::default()).await;
    assert!(matches!(
        first,
        Err(Error::Unavailable(_) | Error::Ambiguous(_))
    ));
    for _ in 0..3 {
        let unavailable = |error| matches!(error, Error::Unavailable(_));
        assert!(unavailable(bucket.get("key").await.unwrap_err()));
        assert!(unavailable(set(&bucket, "key", "").await.unwrap_err()));
        assert!(unavailable(store.health().await.unwrap_err()));
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_write_whose_commit_failed_is_known_or_a_gap_in_a_bucket_without_history() {
    let (mut was_unavailable, mut gaps) = (0, 0);
    for fails_after in 1..60 {
        let disk = Disk::default();
        let store = disk.open(DiskStore::builder()).unwrap();
        let bucket = bucket(&store, "keywell-triggers").await;
        set(&bucket, "before", "1").await.unwrap();
        let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
        disk.fail_after(fails_after);
        let mut value = 0;
        while !disk.has_failed() {
            value += 1;
            let value = value.to_string();
            let answer = set(&bucket, "key", &value).await;
            let is_there = text(&bucket, "key").await.as_ref() == Some(&value);
            match answer {
                Ok(()) => assert!(is_there),
                Err(Error::Unavailable(_)) => {
                    assert!(!is_there, "nothing happened");
                    was_unavailable += 1;
                }
                Err(Error::Ambiguous(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        set(&bucket, "key", "last").await.unwrap();
        let mut expected = 1;
        loop {
            match crate::support::next(&mut watch).await.unwrap() {
                Event::Gap => {
                    // It stands for all that was written so far.
                    gaps += 1;
                    break;
                }
                Event::Set { value, .. } if value == "last" => break,
                Event::Set { value, .. } => {
                    assert_eq!(value, expected.to_string());
                    expected += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(was_unavailable > 0 && gaps > 0);
}
