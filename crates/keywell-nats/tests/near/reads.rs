//! What is answered from the copy, and when.

use std::time::Duration;

use futures::StreamExt as _;
use keywell_nats::{Caching, JetStreamStore};
use keywell_store::{
    Action, BucketName, Event, Filter, List, Reads, Set, Since, Store as _, Write,
};
use tokio::time::timeout;

use crate::place::{MODES, completed, is_now, name, open, options, server, set, until, value};

#[tokio::test]
async fn what_it_declares_of_reads_is_as_its_setting() {
    let server = server().await;
    for cache in [Caching::Keys, Caching::All, Caching::Off] {
        let (_store, bucket) = open(options(&server, cache)).await;
        let expected = if cache == Caching::Off {
            Reads::Latest
        } else {
            Reads::OwnWrites
        };
        assert_eq!(bucket.capabilities().reads, expected, "{cache}");
    }
    // Processes coordinate by Keywell's own buckets.
    let store = JetStreamStore::open(options(&server, Caching::All)).await;
    let own = BucketName::parse("keywell-triggers").unwrap();
    let bucket = store.unwrap().open(&own).await.unwrap();
    assert_eq!(bucket.capabilities().reads, Reads::Latest);
}

#[tokio::test]
async fn all_is_read_at_once() {
    let server = server().await;
    let (_store, bucket) = open(options(&server, Caching::All)).await;
    set(&bucket, "k", "v").await;
    for answer in [bucket.get("k"), bucket.get("none")] {
        assert!(is_now(&answer));
    }
    assert!(is_now(&bucket.exists("k")));
    assert!(is_now(&bucket.get_many(&["k", "none", "k"])));
    assert!(is_now(&bucket.list(List::default())));
    assert_eq!(value(&bucket, "k").await.as_deref(), Some("v"));
}

#[tokio::test]
async fn of_keys_a_value_is_read_at_once_that_was_read_before() {
    let server = server().await;
    let (_store, bucket) = open(options(&server, Caching::Keys)).await;
    set(&bucket, "k", "v").await;
    assert!(is_now(&bucket.get("none")) && is_now(&bucket.exists("k")));
    assert!(!is_now(&bucket.get("k")));
    assert_eq!(value(&bucket, "k").await.as_deref(), Some("v"));
    assert!(is_now(&bucket.get("k")));
    set(&bucket, "k", "w").await;
    assert!(!is_now(&bucket.get("k")), "it is another value by now");
    assert_eq!(value(&bucket, "k").await.as_deref(), Some("w"));
}

#[tokio::test]
async fn what_another_process_wrote_arrives() {
    let server = server().await;
    for cache in MODES {
        let (_one, one) = open(options(&server, cache)).await;
        let (_two, two) = open(options(&server, cache)).await;
        set(&one, "k", "v").await;
        until(&two, "k", Some("v")).await;
        two.delete("k").await.unwrap();
        assert_eq!(value(&two, "k").await, None);
        until(&one, "k", None).await;
    }
}

/// Its caller deletes what is gone already, which its copy does not show yet.
#[tokio::test]
async fn what_was_deleted_twice_is_gone() {
    let server = server().await;
    for cache in MODES {
        let (_one, one) = open(options(&server, cache)).await;
        let (_two, two) = open(options(&server, cache)).await;
        for _ in 0..50 {
            set(&one, "k", "v").await;
            one.delete("k").await.unwrap();
            two.delete("k").await.unwrap();
            assert_eq!(value(&two, "k").await, None);
        }
    }
}

/// What an increment was refused for was stored by another process, and the copy does not show it yet.
#[tokio::test]
async fn what_an_increment_was_refused_for_is_read() {
    let server = server().await;
    for cache in MODES {
        // It does not wait for a copy.
        let one = JetStreamStore::open(options(&server, Caching::Off)).await;
        let one = one.unwrap().open(&name()).await.unwrap();
        let (store, two) = open(options(&server, cache)).await;
        for by_transaction in [false, true] {
            set(&one, "k", "1").await;
            until(&two, "k", Some("1")).await;
            // The copy is busy with these.
            let keys: Vec<String> = (0..100).map(|number| format!("large/{number}")).collect();
            let large = keys.iter().map(|key| (&**key, vec![0; 100_000].into()));
            one.set_many(large.collect()).await.unwrap();
            set(&one, "k", "text").await;
            if by_transaction {
                let write = Write {
                    bucket: name(),
                    key: "k".into(),
                    action: Action::Increment(1),
                };
                store.transact(Vec::new(), vec![write]).await.unwrap_err();
            } else {
                two.increment("k", 1).await.unwrap_err();
            }
            assert_eq!(value(&two, "k").await.as_deref(), Some("text"));
        }
    }
}

#[tokio::test]
async fn a_value_that_expires_is_gone_on_time() {
    let server = server().await;
    for cache in MODES {
        let (_store, bucket) = open(options(&server, cache)).await;
        let how = Set {
            ttl: Some(Duration::from_millis(300)),
        };
        bucket.set("k", "v".into(), how).await.unwrap();
        assert_eq!(value(&bucket, "k").await.as_deref(), Some("v"));
        let left = bucket.get("k").await.unwrap().unwrap().expires;
        let keywell_store::Expires::In(left) = left else {
            panic!("{left:?}");
        };
        let ended = std::future::pending::<()>();
        drop(timeout(left + Duration::from_millis(2), ended).await);
        assert_eq!(value(&bucket, "k").await, None);
        assert!(bucket.list(List::default()).await.unwrap().keys.is_empty());
    }
}

/// A watcher that is notified of a change reads it.
#[tokio::test]
async fn an_event_is_delivered_when_its_write_can_be_read() {
    let server = server().await;
    for cache in MODES {
        let (_one, one) = open(options(&server, cache)).await;
        let (_two, two) = open(options(&server, cache)).await;
        let mut watch = two.watch(Filter::All, Since::Now).await.unwrap();
        for round in 0..100 {
            let number = format!("{round}");
            one.set("k", number.clone().into(), Set::default())
                .await
                .unwrap();
            let event = timeout(Duration::from_secs(30), watch.next()).await;
            let event = event.expect("it is delivered").unwrap().unwrap();
            let Event::Set { value: written, .. } = event else {
                panic!("{event:?}");
            };
            let read = value(&two, "k").await.unwrap();
            assert_eq!(read.as_bytes(), &written[..], "round {round}");
        }
    }
}

/// The copy knows from these headers that it has to apply messages as one.
#[tokio::test]
async fn the_messages_of_a_batch_name_it() {
    let server = server().await;
    let (_store, bucket) = open(options(&server, Caching::All)).await;
    let entries = vec![("a", "1".into()), ("b", "2".into())];
    bucket.set_many(entries).await.unwrap();
    let client = async_nats::connect(server.addr().to_string())
        .await
        .unwrap();
    let mut batches = Vec::new();
    for key in ["a", "b"] {
        let subject = format!("$JS.API.DIRECT.GET.KV_b.$KV.b.{key}");
        let message = client.request(subject, "".into()).await.unwrap();
        let headers = message.headers.unwrap();
        batches.push(headers.get("Nats-Batch-Id").unwrap().to_string());
        let is_last = headers.get("Nats-Batch-Commit").is_some();
        assert_eq!(is_last, key == "b");
    }
    assert_eq!(batches[0], batches[1]);
}

#[tokio::test]
async fn a_bucket_that_loses_values_silently_is_read_of_the_server() {
    let server = server().await;
    let client = async_nats::connect(server.addr().to_string())
        .await
        .unwrap();
    let config = serde_json::json!({
        "name": "KV_b",
        "subjects": ["$KV.b.>"],
        "max_msgs_per_subject": 1,
        "max_age": 3_600_000_000_000_u64,
        "storage": "memory",
        "num_replicas": 1,
        "allow_direct": true,
    });
    let created = client
        .request("$JS.API.STREAM.CREATE.KV_b", config.to_string().into())
        .await
        .unwrap();
    assert!(!String::from_utf8_lossy(&created.payload).contains("error"));
    let store = JetStreamStore::open(options(&server, Caching::All)).await;
    let store = store.unwrap();
    let bucket = store.open(&name()).await.unwrap();
    assert_eq!(bucket.capabilities().reads, Reads::Latest);
    completed(&store).await;
    set(&bucket, "k", "v").await;
    assert!(!is_now(&bucket.get("k")));
    assert_eq!(value(&bucket, "k").await.as_deref(), Some("v"));
}
