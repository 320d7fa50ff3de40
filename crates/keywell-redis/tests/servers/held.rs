//! What a caller cannot hold is not read from the server.

use bytes::Bytes;
use keywell_servers::Redis;
use keywell_store::{Error, Invalid, Set};

use crate::large::MIB;
use crate::support::{bucket, open, patient};

/// How many bytes the server has sent.
async fn sent(redis: &Redis) -> u64 {
    let stats = redis.cli(&["INFO", "stats"]).await.unwrap();
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix("total_net_output_bytes:"));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_the_caller_cannot_hold_is_not_read() {
    for layout in ["plain", "journal"] {
        let redis = Redis::start().await.unwrap();
        let store = open(&redis.url(), &patient(layout)).await;
        let bucket = bucket(&store, "b").await;
        let keys: Vec<String> = (0..8).map(|key| format!("{key}")).collect();
        for key in &keys {
            let value = Bytes::from(vec![b'x'; MIB]);
            bucket.set(key, value, Set::default()).await.unwrap();
        }
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let before = sent(&redis).await;
        let read = bucket.get_many_within(&keys, 7 * MIB).await;
        let too_large = Invalid::BatchTooLarge {
            bytes: 8 * MIB,
            max: 7 * MIB,
        };
        assert!(
            matches!(&read, Err(Error::Invalid(error)) if *error == too_large),
            "{layout}: {read:?}"
        );
        let bytes = sent(&redis).await - before;
        assert!(bytes < 100_000, "{layout}: the server sent {bytes} bytes");
        let read = bucket.get_many_within(&keys, 8 * MIB).await.unwrap();
        assert_eq!(read.len(), 8);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_keys_are_read_once() {
    for layout in ["plain", "journal"] {
        let redis = Redis::start().await.unwrap();
        let store = open(&redis.url(), &patient(layout)).await;
        let bucket = bucket(&store, "b").await;
        let value = Bytes::from(vec![b'x'; MIB]);
        bucket.set("k", value, Set::default()).await.unwrap();
        let before = sent(&redis).await;
        let read = bucket.get_many(&["k"; 50]).await.unwrap();
        assert_eq!(read.len(), 50);
        assert!(read.iter().flatten().all(|entry| entry.value.len() == MIB));
        let bytes = sent(&redis).await - before;
        let twice = 2 * MIB as u64;
        assert!(bytes < twice, "{layout}: the server sent {bytes} bytes");
    }
}

/// Another program can keep what no component may hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_the_caller_cannot_hold_disturbs_no_other_call() {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &patient("plain")).await;
    let bucket = bucket(&store, "b").await;
    let grown = ["SETRANGE", "b:large", "67108863", "x"];
    redis.command(&grown).await.unwrap();
    bucket
        .set("small", "v".into(), Set::default())
        .await
        .unwrap();
    let reads = (0..100).map(|number| {
        let key = if number % 10 == 0 { "large" } else { "small" };
        bucket.get_within(key, 1000)
    });
    for (number, read) in futures::future::join_all(reads).await.iter().enumerate() {
        match read {
            Ok(Some(entry)) => assert_eq!(entry.value, "v"),
            Err(Error::Invalid(Invalid::ValueTooLarge { bytes, max })) => {
                assert_eq!((number % 10, *bytes, *max), (0, 64 * MIB, 1000));
            }
            other => panic!("{number}: {other:?}"),
        }
    }
}

/// An account that may not ask for lengths reads as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_may_not_ask_for_lengths_reads_batches() {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &patient("plain")).await;
    let bucket = bucket(&store, "b").await;
    let denied = ["ACL", "SETUSER", "default", "-strlen"];
    redis.command(&denied).await.unwrap();
    for key in ["a", "b"] {
        bucket
            .set(key, "0123456789".into(), Set::default())
            .await
            .unwrap();
    }
    assert_eq!(bucket.get_many(&["a", "b"]).await.unwrap().len(), 2);
    let read = bucket.get_many_within(&["a", "b"], 19).await;
    let is_too_large = matches!(
        read,
        Err(Error::Invalid(Invalid::BatchTooLarge {
            bytes: 20,
            max: 19
        }))
    );
    assert!(is_too_large, "{read:?}");
}
