use bytes::Bytes;
use futures::future::join_all;
use keywell_store::{
    Batching, Change, Durability, Error, Expected, Invalid, Promptness, Set, Store, Swap, Watching,
};

use crate::support::{Scratch, set, text};

fn default_set(value: &'static str) -> Change {
    Change::Set(value.into(), Set::default())
}

#[tokio::test]
async fn what_is_written_is_read() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    assert_eq!(bucket.get("key").await.unwrap(), None);
    assert!(!bucket.exists("key").await.unwrap());
    let version = bucket
        .set("key", "value".into(), Set::default())
        .await
        .unwrap();
    let entry = bucket.get("key").await.unwrap().unwrap();
    assert_eq!(entry.value, "value");
    assert_eq!(entry.version, version);
    assert!(bucket.exists("key").await.unwrap());
    bucket.delete("key").await.unwrap();
    bucket.delete("key").await.unwrap();
    assert!(!bucket.exists("key").await.unwrap());
    set(&bucket, "empty", "").await.unwrap();
    assert_eq!(text(&bucket, "empty").await.unwrap(), "");
}

#[tokio::test]
async fn a_large_value_is_written_whole() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    // Larger than a group and than the capacity of the queue.
    let value: Bytes = (0..40_000_000_u32).map(|i| (i % 251) as u8).collect();
    bucket
        .set("large", value.clone(), Set::default())
        .await
        .unwrap();
    assert_eq!(bucket.get("large").await.unwrap().unwrap().value, value);
}

#[tokio::test]
async fn everything_is_there_after_opening_again() {
    let mut scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    set(&bucket, "key", "value").await.unwrap();
    bucket.increment("n", 41).await.unwrap();
    let before = bucket.get("key").await.unwrap();
    scratch = scratch.reopen().await;
    let bucket = scratch.bucket("b").await;
    assert_eq!(bucket.get("key").await.unwrap(), before);
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 42);
}

#[tokio::test]
async fn buckets_whose_joined_names_would_collide_are_apart() {
    let scratch = Scratch::new();
    for (name, key) in [("a", "b:c"), ("a:b", "c"), ("a:", "b:c"), ("ab", "c")] {
        let bucket = scratch.bucket(name).await;
        set(&bucket, key, name).await.unwrap();
    }
    for (name, key) in [("a", "b:c"), ("a:b", "c"), ("a:", "b:c"), ("ab", "c")] {
        let bucket = scratch.bucket(name).await;
        assert_eq!(text(&bucket, key).await.unwrap(), name);
        let keys = bucket.list(keywell_store::List::default()).await.unwrap();
        assert_eq!(keys.keys, [key]);
    }
}

#[tokio::test]
async fn buckets_that_hold_something_are_named_in_order() {
    let scratch = Scratch::new();
    for name in ["c", "a", "b"] {
        set(&scratch.bucket(name).await, "key", "").await.unwrap();
    }
    scratch.bucket("never written").await;
    scratch.bucket("b").await.delete("key").await.unwrap();
    let names = scratch.store.buckets().await.unwrap();
    assert_eq!(names, ["a", "c"].map(|name| name.parse().unwrap()));
}

#[tokio::test]
async fn a_swap_writes_if_the_version_still_stands() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let made = bucket.swap("key", Expected::Absent, default_set("one"));
    let Swap::Done(Some(first)) = made.await.unwrap() else {
        panic!("the key was absent");
    };
    let swapped = bucket.swap("key", Expected::At(first), default_set("two"));
    let Swap::Done(Some(second)) = swapped.await.unwrap() else {
        panic!("the version stood");
    };
    let removed = bucket.swap("key", Expected::At(second), Change::Delete);
    assert_eq!(removed.await.unwrap(), Swap::Done(None));
    assert_eq!(text(&bucket, "key").await, None);
    let removed = bucket.swap("key", Expected::Absent, Change::Delete);
    assert_eq!(removed.await.unwrap(), Swap::Done(None));
}

#[tokio::test]
async fn a_stale_swap_writes_nothing() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let first = bucket
        .set("key", "one".into(), Set::default())
        .await
        .unwrap();
    let second = bucket
        .set("key", "two".into(), Set::default())
        .await
        .unwrap();
    for (expected, change) in [
        (Expected::Absent, default_set("three")),
        (Expected::Absent, Change::Delete),
        (Expected::At(first.clone()), default_set("three")),
        (Expected::At(first), Change::Delete),
        (Expected::At(Bytes::from("two").into()), Change::Delete),
    ] {
        let swapped = bucket.swap("key", expected, change).await.unwrap();
        assert_eq!(swapped, Swap::Stale);
        let entry = bucket.get("key").await.unwrap().unwrap();
        assert_eq!((entry.value, &entry.version), ("two".into(), &second));
    }
    let unknown = bucket.swap("other", Expected::At(second), default_set("three"));
    assert_eq!(unknown.await.unwrap(), Swap::Stale);
    assert!(!bucket.exists("other").await.unwrap());
}

#[tokio::test]
async fn a_version_never_comes_back() {
    let mut scratch = Scratch::new();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let bucket = scratch.bucket("b").await;
        for _ in 0..3 {
            let version = bucket.set("key", "same".into(), Set::default()).await;
            seen.push(version.unwrap().as_u64().unwrap());
            bucket.delete("key").await.unwrap();
        }
        scratch = scratch.reopen().await;
    }
    assert!(seen.is_sorted_by(|one, next| one < next), "{seen:?}");
}

#[tokio::test]
async fn a_counter_is_its_decimal_text() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    assert_eq!(bucket.increment("n", -7).await.unwrap(), -7);
    assert_eq!(text(&bucket, "n").await.unwrap(), "-7");
    set(&bucket, "n", "40").await.unwrap();
    assert_eq!(bucket.increment("n", 2).await.unwrap(), 42);
}

#[tokio::test]
async fn what_is_not_a_number_is_not_counted() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    set(&bucket, "word", "seven").await.unwrap();
    let before = bucket.get("word").await.unwrap();
    let answer = bucket.increment("word", 1).await;
    assert!(matches!(answer, Err(Error::Invalid(Invalid::NotANumber))));
    assert_eq!(bucket.get("word").await.unwrap(), before);
}

#[tokio::test]
async fn a_counter_stays_within_its_range() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    for (end, past) in [(i64::MAX, 1), (i64::MIN, -1)] {
        set(&bucket, "n", &end.to_string()).await.unwrap();
        let answer = bucket.increment("n", past).await;
        assert!(matches!(answer, Err(Error::Invalid(Invalid::Overflow))));
        assert_eq!(text(&bucket, "n").await.unwrap(), end.to_string());
        assert_eq!(bucket.increment("n", 0).await.unwrap(), end);
    }
}

#[tokio::test]
async fn one_callers_fault_leaves_the_others_of_its_group_alone() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    set(&bucket, "word", "seven").await.unwrap();
    let mut answers = Vec::new();
    for at in 0..100 {
        answers.push(bucket.increment(if at % 10 == 5 { "word" } else { "n" }, 1));
    }
    let failed = join_all(answers).await.into_iter().filter(Result::is_err);
    assert_eq!(failed.count(), 10);
    assert_eq!(text(&bucket, "n").await.unwrap(), "90");
    assert_eq!(text(&bucket, "word").await.unwrap(), "seven");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_tasks_that_increment_none_is_lost() {
    let scratch = Scratch::new();
    let tasks = (0..64).map(|_| {
        let bucket = scratch.bucket("b");
        async move {
            let bucket = bucket.await;
            let mut last = 0;
            for _ in 0..20 {
                let now = bucket.increment("n", 1).await.unwrap();
                assert!(now > last, "a later increment answers more");
                last = now;
            }
        }
    });
    join_all(tasks).await;
    let bucket = scratch.bucket("b").await;
    assert_eq!(text(&bucket, "n").await.unwrap(), "1280");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_swaps_from_one_version_exactly_one_wins() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    for _ in 0..10 {
        let version = bucket.set("key", "old".into(), Set::default()).await;
        let expected = Expected::At(version.unwrap());
        let swaps = (0..32).map(|_| bucket.swap("key", expected.clone(), default_set("new")));
        let won = join_all(swaps).await.into_iter();
        let won = won.filter(|swap| !matches!(swap, Ok(Swap::Stale)));
        assert_eq!(won.count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_all_of_a_batch_or_none() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let keys = ["a", "b", "c", "d"];
    let writer = tokio::spawn({
        let bucket = bucket.clone();
        async move {
            for round in 0..50 {
                if round % 5 == 4 {
                    bucket.delete_many(&keys).await.unwrap();
                } else {
                    let value = Bytes::from(round.to_string());
                    let entries = keys.map(|key| (key, value.clone()));
                    bucket.set_many(entries.into()).await.unwrap();
                }
            }
        }
    });
    while !writer.is_finished() {
        let values = bucket.get_many(&keys).await.unwrap();
        let values: Vec<_> = values
            .into_iter()
            .map(|entry| entry.map(|entry| entry.value))
            .collect();
        assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn a_batch_is_read_in_the_order_asked_and_its_last_value_stands() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let entries = vec![("a", "1".into()), ("b", "2".into()), ("a", "3".into())];
    bucket.set_many(entries).await.unwrap();
    bucket.set_many(Vec::new()).await.unwrap();
    bucket.delete_many(&[]).await.unwrap();
    let read = bucket.get_many(&["b", "none", "a", "b"]).await.unwrap();
    let read: Vec<_> = read
        .into_iter()
        .map(|entry| entry.map(|entry| entry.value))
        .collect();
    assert_eq!(
        read,
        [
            Some("2".into()),
            None,
            Some(Bytes::from("3")),
            Some("2".into())
        ]
    );
    bucket.delete_many(&["a", "none", "a"]).await.unwrap();
    assert_eq!(text(&bucket, "a").await, None);
    assert_eq!(text(&bucket, "b").await.unwrap(), "2");
}

#[tokio::test]
async fn a_key_or_a_time_to_live_past_the_limits_is_refused() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let key = "k".repeat(64 * 1024 + 1);
    let answer = set(&bucket, &key, "").await;
    assert!(matches!(
        answer,
        Err(Error::Invalid(Invalid::KeyTooLong { .. }))
    ));
    let ttl = Some(Set::MAX_TTL * 2);
    let answer = bucket.set("key", "".into(), Set { ttl }).await;
    assert!(matches!(answer, Err(Error::Invalid(Invalid::Ttl))));
    assert!(!bucket.exists("key").await.unwrap());
    set(&bucket, &key[1..], "").await.unwrap();
}

#[tokio::test]
async fn what_is_declared_is_what_the_house_promises() {
    let scratch = Scratch::new();
    let declared = scratch.bucket("b").await.capabilities();
    assert_eq!(declared.batch, Batching::Atomic);
    assert_eq!(declared.durability, Durability::Synced);
    assert_eq!(declared.promptness, Promptness::Waits);
    assert_eq!(declared.watch, Watching::Resumable);
    scratch.store.health().await.unwrap();
}

#[tokio::test]
async fn closing_waits_for_what_was_sent_and_takes_no_more() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let mut sent: Vec<_> = (0..50).map(|_| bucket.increment("n", 1)).collect();
    for answer in &mut sent {
        assert!(futures::poll!(answer).is_pending());
    }
    scratch.store.close().await.unwrap();
    scratch.store.close().await.unwrap();
    for answer in sent {
        answer.await.unwrap();
    }
    assert!(matches!(
        bucket.increment("n", 1).await,
        Err(Error::Unavailable(_))
    ));
    assert!(matches!(bucket.get("n").await, Err(Error::Unavailable(_))));
    assert!(scratch.store.health().await.is_err());
    let again = keywell_disk::DiskStore::open(scratch.folder.path()).unwrap();
    let bucket = crate::support::bucket(&again, "b").await;
    assert_eq!(text(&bucket, "n").await.unwrap(), "50");
}

#[tokio::test]
async fn a_bucket_keeps_its_store_open() {
    let Scratch { folder, store } = Scratch::new();
    let bucket = crate::support::bucket(&store, "b").await;
    drop(store);
    set(&bucket, "key", "value").await.unwrap();
    drop(bucket);
    let again = keywell_disk::DiskStore::open(folder.path()).unwrap();
    let bucket = crate::support::bucket(&again, "b").await;
    assert_eq!(text(&bucket, "key").await.unwrap(), "value");
}
