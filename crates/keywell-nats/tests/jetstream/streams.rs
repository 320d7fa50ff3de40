//! How buckets are created, and what becomes of those that are otherwise.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_nats::{JetStreamStore, Storage};
use keywell_servers::Nats;
use keywell_store::{
    Action, Batching, Change, Error, Event, Expected, Filter, Invalid, Set, Since, Store as _,
    Transacted, Transacting, Transaction,
};
use serde_json::json;

use crate::place::{ask, client, open, options, server, store, try_open};

fn change(value: &'static str) -> Action {
    Action::Change(Change::Set(
        Bytes::from_static(value.as_bytes()),
        Set::default(),
    ))
}

#[tokio::test]
async fn a_bucket_is_created_as_it_is_wanted_and_has_to_be_so_later() {
    let server = server().await;
    let mut wanted = options(&server);
    wanted.create = false;
    let other = JetStreamStore::open(wanted.clone()).await.unwrap();
    let missing = try_open(&other, "b").await.err().unwrap();
    assert!(matches!(missing, Error::NoSuchBucket(name) if name == "b"));

    wanted.create = true;
    wanted.history = Some(5);
    wanted.storage = Some(Storage::Memory);
    wanted.ttl = Some(Duration::from_hours(1));
    open(&JetStreamStore::open(wanted.clone()).await.unwrap(), "b").await;
    let client = client(&server).await;
    let info = ask(&client, "$JS.API.STREAM.INFO.KV_b", json!(null)).await;
    let config = &info["config"];
    assert_eq!(config["max_msgs_per_subject"], json!(5));
    assert_eq!(config["storage"], json!("memory"));
    assert_eq!(config["max_age"], json!(3_600_000_000_000_u64));

    // Where nothing is asked for, it is used as it is.
    open(&store(&server).await, "b").await;
    wanted.history = Some(1);
    let other = JetStreamStore::open(wanted).await.unwrap();
    let error = try_open(&other, "b").await.err().unwrap().to_string();
    assert!(error.contains("has a history of 5, not 1"), "{error}");

    // A stream of that name that is no bucket.
    let config = json!({ "name": "KV_odd", "subjects": ["odd"] });
    ask(&client, "$JS.API.STREAM.CREATE.KV_odd", config).await;
    let error = try_open(&store(&server).await, "odd")
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("is no bucket"), "{error}");
}

#[tokio::test]
async fn what_a_bucket_was_made_without_is_unsupported() {
    let server = server().await;
    let client = client(&server).await;
    let config = json!({
        "name": "KV_old", "subjects": ["$KV.old.>"], "max_msgs_per_subject": 1,
        "discard": "new", "allow_rollup_hdrs": true, "deny_delete": true,
    });
    ask(&client, "$JS.API.STREAM.CREATE.KV_old", config).await;
    let store = store(&server).await;
    let bucket = open(&store, "old").await;
    let declared = bucket.capabilities();
    assert!(!declared.ttl);
    assert_eq!(declared.batch, Batching::Sequential);
    assert_eq!(declared.transact, Transacting::None);
    let expiring = Set::expiring(Duration::from_secs(1)).unwrap();
    for error in [
        bucket.set("k", Bytes::new(), expiring).await.err(),
        bucket.increment_or_create("k", 1, expiring).await.err(),
    ] {
        assert!(
            matches!(error, Some(Error::Unsupported("a time to live"))),
            "{error:?}"
        );
    }
    // It has no direct reads either.
    let entries = ["a", "b"].map(|key| (key, Bytes::from_static(b"v")));
    bucket.set_many(entries.to_vec()).await.unwrap();
    let read = bucket.get_many(&["b", "none", "a"]).await.unwrap();
    assert_eq!(read.iter().filter(|entry| entry.is_some()).count(), 2);
    let mut transaction = Transaction::default();
    let refused = transaction.write(&*bucket, "k", change("v"));
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
}

#[tokio::test]
async fn a_value_past_what_the_server_takes_is_refused() {
    let server = Nats::builder()
        .jetstream()
        .config("max_payload: 65536")
        .start()
        .await
        .unwrap();
    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    let largest = bucket.capabilities().value_bytes;
    assert!((50_000..65_536).contains(&largest), "{largest}");
    let key = "é".repeat(512);
    bucket
        .set(&key, vec![7; largest].into(), Set::default())
        .await
        .unwrap();
    let read = bucket.get(&key).await.unwrap().unwrap();
    assert_eq!(read.value.len(), largest);
    let error = bucket
        .set("k", vec![7; largest + 1].into(), Set::default())
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Invalid(Invalid::ValueTooLarge { .. })),
        "{error}"
    );
    // More than one message of it fits no answer at once.
    let keys: Vec<String> = (0..200).map(|number| format!("k{number}")).collect();
    let entries = keys
        .iter()
        .map(|key| (&**key, Bytes::from(vec![7; largest])));
    bucket.set_many(entries.collect()).await.unwrap();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let read = bucket.get_many(&keys).await.unwrap();
    assert!(
        read.iter()
            .all(|entry| entry.as_ref().is_some_and(|it| it.value.len() == largest))
    );
}

#[tokio::test]
async fn checks_of_other_keys_hold_in_a_transaction() {
    let server = server().await;
    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    for key in ["lock", "other"] {
        bucket
            .set(key, Bytes::from_static(b"1"), Set::default())
            .await
            .unwrap();
    }
    let version = async |key: &str| Expected::from(bucket.get(key).await.unwrap().as_ref());
    let (lock, other) = (version("lock").await, version("other").await);
    let with_writes = |count: usize| {
        let mut transaction = Transaction::default();
        transaction.check(&*bucket, "lock", lock.clone()).unwrap();
        transaction.check(&*bucket, "other", other.clone()).unwrap();
        for number in 0..count {
            transaction
                .write(&*bucket, &format!("k{number}"), change("v"))
                .unwrap();
        }
        transaction
    };
    for count in [1, 2, 3, 0] {
        let done = with_writes(count).run(&store).await.unwrap();
        let Transacted::Done(written) = done else {
            panic!("{done:?}");
        };
        for (number, written) in written.iter().enumerate() {
            let key = format!("k{number}");
            let entry = bucket.get(&key).await.unwrap().unwrap();
            assert_eq!(
                written.version.as_ref(),
                Some(&entry.version),
                "{key} of {count}"
            );
        }
    }
    // What carried the checks is no key.
    let page = bucket.list(keywell_store::List::default()).await.unwrap();
    assert_eq!(page.keys, ["k0", "k1", "k2", "lock", "other"]);
    bucket
        .set("other", Bytes::from_static(b"2"), Set::default())
        .await
        .unwrap();
    assert_eq!(
        with_writes(2).run(&store).await.unwrap(),
        Transacted::Stale(1)
    );
    assert_eq!(
        with_writes(0).run(&store).await.unwrap(),
        Transacted::Stale(1)
    );
}

#[tokio::test]
async fn a_stream_that_is_made_again_or_purged_is_a_gap() {
    let server = server().await;
    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    let client = client(&server).await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    bucket
        .set("k", Bytes::from_static(b"1"), Set::default())
        .await
        .unwrap();
    let event = watch.next().await.unwrap().unwrap();
    assert_eq!(event.key(), Some("k"));
    let token = event.token().cloned().unwrap();

    ask(&client, "$JS.API.STREAM.PURGE.KV_b", json!(null)).await;
    assert_eq!(watch.next().await.unwrap().unwrap(), Event::Gap);
    assert_eq!(bucket.get("k").await.unwrap(), None);

    ask(&client, "$JS.API.STREAM.DELETE.KV_b", json!(null)).await;
    let config = json!({ "name": "KV_b", "subjects": ["$KV.b.>"], "max_msgs_per_subject": 1 });
    ask(&client, "$JS.API.STREAM.CREATE.KV_b", config).await;
    let _ = ask(&client, "$KV.b.new", json!(1)).await;
    assert_eq!(watch.next().await.unwrap().unwrap(), Event::Gap);
    assert_eq!(watch.next().await.unwrap().unwrap().key(), Some("new"));
    let resumed = bucket.watch(Filter::All, Since::After(token)).await;
    assert!(
        matches!(resumed, Err(Error::Invalid(Invalid::Compacted))),
        "{resumed:?}"
    );
}

#[tokio::test]
async fn a_store_that_is_closed_takes_no_more() {
    let server = server().await;
    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    store.close().await.unwrap();
    let error = bucket
        .set("k", Bytes::new(), Set::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
}
