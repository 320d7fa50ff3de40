//! What stands in etcd, as other clients see it, and what they write there.

use bytes::Bytes;
use keywell_store::{
    Action, BucketName, Change, Error, Expected, Invalid, List, Set, Store as _, Transacted,
    Transaction,
};

use crate::place::{open, options, server, store};

const VALUE: Bytes = Bytes::from_static(b"v");

#[tokio::test]
async fn values_are_plain_and_names_of_keys_are_readable() {
    let server = server().await;
    let options = options(server);
    let store = store(&options).await;
    let bucket = open(&store, "orders").await;
    bucket
        .set("café & b/1", "plain".into(), Set::default())
        .await
        .unwrap();
    bucket.increment("n", 42).await.unwrap();
    let prefix = &options.prefix;
    let get = async |key: &str| {
        let name = format!("{prefix}/orders/{key}");
        server
            .ctl(&["get", "--print-value-only", &name])
            .await
            .unwrap()
    };
    assert_eq!(get("café & b/1").await, "plain\n");
    assert_eq!(get("n").await, "42\n");
    let put = async |name: &str, value: &str| {
        let name = format!("{prefix}/{name}");
        server.ctl(&["put", &name, value]).await.unwrap();
    };
    put("orders/n", "50").await;
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 51);
    put("orders/n", "many").await;
    let refused = bucket.increment("n", 1).await;
    let is_refused = matches!(refused, Err(Error::Invalid(Invalid::NotANumber)));
    assert!(is_refused, "{refused:?}");
}

#[tokio::test]
async fn buckets_are_those_that_have_keys() {
    let server = server().await;
    let options = options(server);
    let store = store(&options).await;
    let names = ["%", "a", "a/b", "b", "deleted", "é"];
    for name in names {
        let bucket = open(&store, name).await;
        bucket.set("k", VALUE, Set::default()).await.unwrap();
    }
    open(&store, "deleted").await.delete("k").await.unwrap();
    // What another program keeps there is no bucket.
    for name in ["alone", "/unnamed", "%2f/k"] {
        let name = format!("{}/{name}", options.prefix);
        server.ctl(&["put", &name, "v"]).await.unwrap();
    }
    let found = store.buckets().await.unwrap();
    let found: Vec<_> = found.iter().map(BucketName::as_str).collect();
    assert_eq!(found, ["%", "a", "a/b", "b", "é"]);
    let names = async || {
        let all = format!("{}/", options.prefix);
        server
            .ctl(&["get", "--prefix", "--keys-only", &all])
            .await
            .unwrap()
    };
    assert!(names().await.contains("/deleted/\n"));
    for name in ["deleted", "a"] {
        store
            .forget(&BucketName::parse(name).unwrap())
            .await
            .unwrap();
    }
    let names = names().await;
    assert!(
        !names.contains("/deleted/") && names.contains("/a/k\n"),
        "{names}"
    );
}

#[tokio::test]
async fn keys_and_values_at_the_limits_are_taken() {
    let store = store(&options(server().await)).await;
    // Each byte of such a name is escaped to three.
    let bucket = open(&store, &"/".repeat(255)).await;
    let declared = bucket.capabilities();
    let longest = "🗝".repeat(declared.key_bytes / 4);
    let largest: Bytes = vec![7; declared.value_bytes].into();
    let hour = Set::expiring(std::time::Duration::from_hours(1)).unwrap();
    bucket.set(&longest, largest.clone(), hour).await.unwrap();
    bucket
        .set_many(vec![(&longest, largest.clone()), ("k", largest.clone())])
        .await
        .unwrap();
    let version = bucket.get(&longest).await.unwrap().unwrap().version;
    let change = Change::Set(largest.clone(), Set::default());
    bucket
        .swap(&longest, Expected::At(version), change)
        .await
        .unwrap();
    let read = bucket.get(&longest).await.unwrap().unwrap();
    assert_eq!(read.value.len(), declared.value_bytes);
    // More than fits one of the usual responses of gRPC.
    let keys: Vec<String> = (0..12).map(|number| format!("k{number}")).collect();
    let entries = keys.iter().map(|key| (&**key, largest.clone()));
    bucket.set_many(entries.collect()).await.unwrap();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let read = bucket.get_many(&keys).await.unwrap();
    assert!(read.iter().flatten().all(|entry| entry.value == largest));
    assert_eq!(read.iter().flatten().count(), 12);
}

#[tokio::test]
async fn the_largest_transaction_spans_as_many_buckets() {
    let store = store(&options(server().await)).await;
    let mut buckets = Vec::new();
    for number in 0..64 {
        let bucket = open(&store, &format!("b{number}")).await;
        bucket.set("k", VALUE, Set::default()).await.unwrap();
        buckets.push(bucket);
    }
    let mut transaction = Transaction::default();
    for bucket in &buckets {
        let delete = Action::Change(Change::Delete);
        transaction.write(&**bucket, "k", delete).unwrap();
    }
    let done = transaction.run(&store).await.unwrap();
    assert!(matches!(done, Transacted::Done(written) if written.len() == 64));
    assert_eq!(store.buckets().await.unwrap(), []);
}

#[tokio::test]
async fn the_empty_key_is_the_markers_and_no_other() {
    let store = store(&options(server().await)).await;
    let bucket = open(&store, "b").await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    bucket.delete("k").await.unwrap();
    assert_eq!(bucket.get("").await.unwrap(), None);
    assert!(!bucket.exists("").await.unwrap());
    assert_eq!(bucket.get_many(&["", "k"]).await.unwrap(), [None, None]);
    assert_eq!(bucket.list(List::default()).await.unwrap().keys.len(), 0);
    let is_empty = |error: &Error| matches!(error, Error::Invalid(Invalid::EmptyKey));
    assert!(is_empty(
        &bucket.set("", VALUE, Set::default()).await.unwrap_err()
    ));
    assert!(is_empty(&bucket.delete("").await.unwrap_err()));
    assert!(is_empty(&bucket.delete_many(&["k", ""]).await.unwrap_err()));
    assert!(is_empty(&bucket.increment("", 1).await.unwrap_err()));
    let batch = bucket.set_many(vec![("a", VALUE), ("", VALUE)]).await;
    assert!(is_empty(&batch.unwrap_err()));
    assert!(!bucket.exists("a").await.unwrap());
}

#[tokio::test]
async fn long_batches_are_split() {
    let store = store(&options(server().await)).await;
    let bucket = open(&store, "b").await;
    let keys: Vec<String> = (0..1000).map(|number| format!("{number:04}")).collect();
    let entries = keys.iter().map(|key| (&**key, Bytes::from(key.clone())));
    bucket.set_many(entries.collect()).await.unwrap();
    let asked: Vec<&str> = keys.iter().map(String::as_str).collect();
    let read = bucket.get_many(&asked).await.unwrap();
    let read = read.iter().flatten().map(|entry| entry.value.clone());
    assert!(read.eq(keys.iter().cloned().map(Bytes::from)));
    bucket.delete_many(&asked).await.unwrap();
    assert_eq!(bucket.list(List::default()).await.unwrap().keys.len(), 0);
}

#[tokio::test]
async fn a_store_that_is_closed_takes_no_more() {
    let store = store(&options(server().await)).await;
    let bucket = open(&store, "b").await;
    store.close().await.unwrap();
    let error = bucket.set("k", VALUE, Set::default()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
}
