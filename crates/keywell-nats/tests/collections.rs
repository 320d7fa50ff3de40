//! Lists and sets of a replicated cache.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use keywell_nats::{CacheOptions, CacheStore};
use keywell_servers::Nats;
use keywell_store::{
    Bucket, BucketName, Collect, Collected, Error, Invalid, Kind, List, Members, Set, Store,
};

async fn alone() -> (CacheStore, Arc<dyn Bucket>) {
    let store = CacheStore::open(CacheOptions::default()).await.unwrap();
    let bucket = store.open(&BucketName::default()).await.unwrap();
    (store, bucket)
}

fn is_of_kind<T: std::fmt::Debug>(answer: &Result<T, Error>, kind: Kind) {
    let is_right = matches!(answer, Err(Error::Invalid(Invalid::Kind(holds))) if *holds == kind);
    assert!(is_right, "{answer:?}");
}

#[tokio::test]
async fn keys_of_every_kind_are_listed_in_order_and_by_bucket() {
    let (store, bucket) = alone().await;
    assert!(bucket.capabilities().collections);
    bucket.set("b", "v".into(), Set::default()).await.unwrap();
    bucket.push("a", "item").await.unwrap();
    bucket.set_add("c", "member").await.unwrap();
    bucket.set_add("longer", "member").await.unwrap();
    let other = BucketName::parse("only lists").unwrap();
    let lists = store.open(&other).await.unwrap();
    lists.push("a", "other").await.unwrap();

    let page = bucket.list(List::default()).await.unwrap();
    assert_eq!(page.keys, ["a", "b", "c", "longer"]);
    let mut request = List {
        limit: 1,
        ..List::default()
    };
    let mut keys = Vec::new();
    loop {
        let page = bucket.list(request.clone()).await.unwrap();
        keys.extend(page.keys);
        request.cursor = page.cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    assert_eq!(keys, ["a", "b", "c", "longer"]);
    // There is no value that it could return.
    let values = List {
        values: Some(1000),
        ..List::default()
    };
    is_of_kind(&bucket.list(values).await, Kind::List);
    assert_eq!(
        store.buckets().await.unwrap(),
        [BucketName::default(), other]
    );
    assert_eq!(lists.range("a", 0, -1).await.unwrap(), ["other"]);

    bucket.clear("a").await.unwrap();
    bucket.set_remove("c", "member").await.unwrap();
    let page = bucket.list(List::default()).await.unwrap();
    assert_eq!(page.keys, ["b", "longer"]);
}

#[tokio::test]
async fn a_value_replaces_a_collection_and_nothing_of_it_is_left() {
    let (_store, bucket) = alone().await;
    for item in ["a", "b"] {
        bucket.push("k", item).await.unwrap();
    }
    is_of_kind(&bucket.get("k").await, Kind::List);
    is_of_kind(&bucket.get_many(&["x", "k"]).await, Kind::List);
    is_of_kind(&bucket.increment("k", 1).await, Kind::List);
    is_of_kind(&bucket.set_add("k", "member").await, Kind::List);
    assert!(bucket.exists("k").await.unwrap());
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    is_of_kind(&bucket.range("k", 0, -1).await, Kind::Value);
    is_of_kind(&bucket.clear("k").await, Kind::Value);
    bucket.delete("k").await.unwrap();
    assert!(!bucket.exists("k").await.unwrap());
    assert!(bucket.range("k", 0, -1).await.unwrap().is_empty());
    assert_eq!(bucket.push("k", "again").await.unwrap(), 1);
    bucket.delete("k").await.unwrap();
    assert!(bucket.get("k").await.unwrap().is_none());
}

#[tokio::test]
async fn an_answer_is_no_larger_than_its_caller_can_hold() {
    let (_store, bucket) = alone().await;
    for item in ["12345678", "", "12345678"] {
        bucket.push("l", item).await.unwrap();
        bucket.set_add("s", item).await.unwrap();
    }
    let range = |stop, max| Collect::Range {
        key: "l".to_owned(),
        start: 0,
        stop,
        max,
    };
    let members = |max| Collect::Members {
        keys: vec!["s".to_owned()],
        of: Members::Union,
        max,
    };
    // Each counts 16 bytes besides its own.
    for (operation, max) in [(range(2, 63), 63), (range(0, 23), 23), (members(39), 39)] {
        let refused = bucket.collect(operation).await;
        let is_right = matches!(
            refused,
            Err(Error::Invalid(Invalid::BatchTooLarge { max: most, .. })) if most == max
        );
        assert!(is_right, "{refused:?}");
    }
    for operation in [range(2, 64), range(0, 24), members(40)] {
        let answer = bucket.collect(operation).await;
        assert!(matches!(answer, Ok(Collected::Texts(_))), "{answer:?}");
    }
    let long = "k".repeat(1025);
    let refused = bucket.push(&long, "item").await;
    let is_right = matches!(refused, Err(Error::Invalid(Invalid::KeyTooLong { .. })));
    assert!(is_right, "{refused:?}");
}

/// Waits until both copies have the same list and the same set.
async fn equal(one: &dyn Bucket, other: &dyn Bucket, items: usize) {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let (ours, theirs) = (one.range("l", 0, -1).await, other.range("l", 0, -1).await);
        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        let (our, their) = (one.set_query("s").await, other.set_query("s").await);
        if ours == theirs && ours.len() == items && our.unwrap() == their.unwrap() {
            return;
        }
        assert!(Instant::now() < end, "{} and {}", ours.len(), theirs.len());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn copies_on_a_server_of_nats_have_one_list_and_one_set() {
    let nats = Nats::start().await.unwrap();
    let open = async || {
        let options = CacheOptions {
            servers: vec![nats.addr().to_string()],
            ..CacheOptions::default()
        };
        let store = CacheStore::open(options).await.unwrap();
        let bucket = store.open(&BucketName::default()).await.unwrap();
        (store, bucket)
    };
    let (_a, one) = open().await;
    let (_b, other) = open().await;
    for n in 0..500 {
        one.push("l", &format!("one {n}")).await.unwrap();
        other.push("l", &format!("other {n}")).await.unwrap();
        one.set_add("s", &format!("{}", n % 50)).await.unwrap();
        other.set_remove("s", &format!("{}", n % 70)).await.unwrap();
    }
    equal(&*one, &*other, 1000).await;
    // One of the first, one that the other node pushed last.
    assert_eq!(one.delete_item("l", "other 499").await.unwrap(), 1);
    assert_eq!(one.push("l", "last").await.unwrap(), 1000);
    equal(&*one, &*other, 1000).await;
    let last = other.range("l", -1, -1).await.unwrap();
    assert_eq!(last, ["last"]);

    let (_late, late) = open().await;
    assert_eq!(
        late.range("l", 0, -1).await.unwrap(),
        one.range("l", 0, -1).await.unwrap()
    );
    assert_eq!(
        late.set_query("s").await.unwrap(),
        one.set_query("s").await.unwrap()
    );
    one.delete("l").await.unwrap();
    equal(&*one, &*late, 0).await;
}
