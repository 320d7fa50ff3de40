//! What an operator sees with `redis-cli`, and what other programs can do to it.

use keywell_servers::Redis;
use keywell_store::{BucketName, Error, Set};

use crate::support::{
    ask, ask_all, ask_number, bucket, ended, get, named, open, orders, received_many, set, watch,
};

#[tokio::test]
async fn a_bucket_lies_in_redis_as_it_is_documented() {
    let (redis, bucket) = orders("").await;
    let version = set(&bucket, "o-1", "ten apples").await;
    bucket.increment("count", 41).await.unwrap();
    bucket.increment("count", 1).await.unwrap();
    assert_eq!(
        ask(&redis, &["GET", ":keywell:{orders}=o-1"]).await,
        "ten apples"
    );
    assert_eq!(ask(&redis, &["GET", ":keywell:{orders}=count"]).await, "42");
    let index = ask_all(&redis, &["ZRANGE", ":keywell:{orders}:index", "0", "-1"]).await;
    assert_eq!(index, ["count", "o-1"]);
    let stored = ask(&redis, &["HGET", ":keywell:{orders}:versions", "o-1"]).await;
    assert_eq!(version.as_bytes().unwrap(), stored.as_bytes());
    assert_eq!(
        ask_number(&redis, &["XLEN", ":keywell:{orders}:stream"]).await,
        3
    );
    let registry = ask_all(&redis, &["HGETALL", ":keywell:buckets"]).await;
    assert_eq!(registry, ["orders", "1"]);

    let mut names = ask_all(&redis, &["KEYS", "*"]).await;
    names.sort_unstable();
    let expected = [
        ":keywell:buckets",
        ":keywell:{orders}:index",
        ":keywell:{orders}:meta",
        ":keywell:{orders}:stream",
        ":keywell:{orders}:versions",
        ":keywell:{orders}=count",
        ":keywell:{orders}=o-1",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_key_that_is_deleted_leaves_nothing_but_its_events() {
    let (redis, bucket) = orders("").await;
    for key in ["a", "b", "c"] {
        set(&bucket, key, "v").await;
    }
    bucket.delete("a").await.unwrap();
    bucket.delete_many(&["b", "c", "never", "b"]).await.unwrap();
    let mut names = ask_all(&redis, &["KEYS", ":keywell:{orders}*"]).await;
    names.sort_unstable();
    assert_eq!(
        names,
        [":keywell:{orders}:meta", ":keywell:{orders}:stream"]
    );
    assert_eq!(
        ask_number(&redis, &["XLEN", ":keywell:{orders}:stream"]).await,
        6
    );
}

#[tokio::test]
async fn two_prefixes_share_nothing() {
    let redis = Redis::start().await.unwrap();
    let (one, other) = (open(&redis, "").await, open(&redis, "&prefix=other/").await);
    set(&bucket(&one).await, "k", "v").await;
    assert_eq!(get(&bucket(&other).await, "k").await, None);
    assert!(other.buckets().await.unwrap().is_empty());
    set(&named(&other, "x").await, "k", "v").await;
    assert_eq!(other.buckets().await.unwrap()[0].as_str(), "x");
    assert_eq!(one.buckets().await.unwrap()[0].as_str(), "orders");
}

#[tokio::test]
async fn a_value_that_another_program_deleted_is_absent_and_delivered_at_the_next_write() {
    let (redis, bucket) = orders("").await;
    let mut watching = watch(&bucket).await;
    for key in ["a", "b"] {
        set(&bucket, key, "1").await;
        ask(&redis, &["DEL", &format!(":keywell:{{orders}}={key}")]).await;
        assert_eq!(get(&bucket, key).await, None);
        assert!(!bucket.exists(key).await.unwrap());
    }
    assert_eq!(bucket.increment("a", 7).await.unwrap(), 7);
    bucket.delete("b").await.unwrap();
    let all = received_many(&mut watching, 5).await;
    assert_eq!(all, ["a=1", "b=1", "-a", "a=7", "-b"]);
}

/// What a program put under the name of a value is no entry, and does no harm.
#[tokio::test]
async fn a_value_that_another_program_made_is_no_entry() {
    let (redis, bucket) = orders("").await;
    ask(&redis, &["SET", ":keywell:{orders}=n", "100"]).await;
    assert_eq!(get(&bucket, "n").await, None);
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_journal_that_another_program_spoilt_is_corrupt() {
    let (redis, bucket) = orders("").await;
    set(&bucket, "k", "v").await;
    let mut watching = watch(&bucket).await;
    let seq = ask(&redis, &["HGET", ":keywell:{orders}:meta", "seq"]).await;
    let id = format!("{}-0", seq.parse::<u64>().unwrap() + 1);
    ask(&redis, &["XADD", ":keywell:{orders}:stream", &id, "f", "v"]).await;
    let error = ended(&mut watching).await;
    assert!(matches!(error, Error::Corrupt(_)), "{error}");

    ask(&redis, &["SET", ":keywell:{orders}:meta", "x"]).await;
    let refused = bucket.set("k", "w".into(), Set::default()).await;
    assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
    assert_eq!(get(&bucket, "k").await.unwrap().value, "v");
}

#[tokio::test]
async fn a_server_without_memory_refuses_writes_and_takes_deletions() {
    let (redis, bucket) = orders("").await;
    let value = "v".repeat(10_000);
    for n in 0..50 {
        set(&bucket, &format!("k{n}"), value.as_str()).await;
    }
    ask(&redis, &["CONFIG", "SET", "maxmemory", "100000"]).await;
    let events = ask_number(&redis, &["XLEN", ":keywell:{orders}:stream"]).await;
    let before = get(&bucket, "k0").await;
    let refused = bucket.set("k0", "w".into(), Set::default()).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    let refused = bucket.increment("n", 1).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!(get(&bucket, "k0").await, before);
    assert_eq!(get(&bucket, "n").await, None);
    let now = ask_number(&redis, &["XLEN", ":keywell:{orders}:stream"]).await;
    assert_eq!(now, events, "what was refused emits no event");

    bucket.delete("k0").await.unwrap();
    assert_eq!(get(&bucket, "k0").await, None);
    ask(&redis, &["CONFIG", "SET", "maxmemory", "0"]).await;
    set(&bucket, "k0", "again").await;
}

#[tokio::test]
async fn a_server_that_forgot_its_scripts_is_taught_them_again() {
    let (redis, bucket) = orders("").await;
    set(&bucket, "k", "v").await;
    ask(&redis, &["SCRIPT", "FLUSH"]).await;
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 1);
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 2);
    assert_eq!(get(&bucket, "k").await.unwrap().value, "v");
}

#[tokio::test]
async fn a_bucket_that_is_forgotten_leaves_nothing_behind_and_one_that_holds_a_key_is_kept() {
    for settings in ["", "&shards=3"] {
        let redis = Redis::start().await.unwrap();
        let store = open(&redis, settings).await;
        let bucket = bucket(&store).await;
        let name = BucketName::parse("orders").unwrap();
        let first = set(&bucket, "k", "v").await;
        store.forget(&name).await.unwrap();
        assert_eq!(get(&bucket, "k").await.unwrap().version, first);
        bucket.delete("k").await.unwrap();
        store.forget(&name).await.unwrap();
        let left = ask_all(&redis, &["KEYS", "*"]).await;
        assert!(left.is_empty(), "{settings}: {left:?}");
        // It starts over, and no version is used again.
        assert_ne!(set(&bucket, "k", "v").await, first);
        assert_eq!(store.buckets().await.unwrap(), [name]);
    }
}
