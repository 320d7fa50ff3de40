//! Messages of clients that may write a bucket's stream, and do not write what clients take.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_servers::Nats;
use keywell_store::{Bucket, Error, Filter, List, Set, Since};
use tokio::time::timeout;

use crate::place::{open, server, store};
use crate::raw::{BROKEN, Raw};

/// How long anything may take: no timeout of a request, and no silence that ends a connection.
const SOON: Duration = Duration::from_secs(4);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(SOON, what).await.expect("it does not hang")
}

/// The subject of a key that every client may have.
fn subject(key: &str) -> Vec<u8> {
    format!("$KV.b.{key}").into_bytes()
}

async fn value(bucket: &dyn Bucket, key: &str) -> Option<Bytes> {
    let entry = soon(bucket.get(key)).await.unwrap();
    entry.map(|entry| entry.value)
}

/// A bucket that has `before`, a broken message under each `broken-N`, two under no key, and `after`.
async fn broken(server: &Nats) -> (keywell_nats::JetStreamStore, Arc<dyn Bucket>, Raw) {
    let store = store(server).await;
    let bucket = open(&store, "b").await;
    let mut raw = Raw::connect(server.addr()).await;
    let sound = b"NATS/1.0\r\n\r\n";
    raw.store(b"$KV.b.before", sound, b"v").await;
    for (number, headers) in BROKEN.iter().enumerate() {
        raw.store(&subject(&format!("broken-{number}")), headers, b"b")
            .await;
    }
    raw.store(b"$KV.b.\xff\xfe", sound, b"v").await;
    raw.store(b"$KV.b.a\x0bb", sound, b"v").await;
    raw.store(b"$KV.b.after", sound, b"v").await;
    (store, bucket, raw)
}

fn names() -> Vec<String> {
    let broken = (0..BROKEN.len()).map(|number| format!("broken-{number}"));
    let mut names: Vec<_> = broken.collect();
    names.extend(["after", "before"].map(str::to_owned));
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_with_broken_headers_is_read_and_written() {
    let server = server().await;
    let (_store, bucket, _raw) = broken(&server).await;
    for number in 0..BROKEN.len() {
        let key = format!("broken-{number}");
        assert_eq!(value(&*bucket, &key).await.unwrap(), "b", "{key}");
        assert_eq!(value(&*bucket, "after").await.unwrap(), "v", "{key}");
        let set = bucket.set(&key, "new".into(), Set::default());
        soon(set).await.unwrap();
        assert_eq!(value(&*bucket, &key).await.unwrap(), "new", "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_values_are_read_with_broken_ones_among_them() {
    let server = server().await;
    let (_store, bucket, _raw) = broken(&server).await;
    let mut names = names();
    names.push("none".to_owned());
    let asked: Vec<&str> = names.iter().map(String::as_str).collect();
    for _ in 0..2 {
        let read = soon(bucket.get_many(&asked)).await.unwrap();
        let values = read.iter().map(|entry| entry.as_ref().map(|it| &it.value));
        for (name, value) in asked.iter().zip(values) {
            let expected = match *name {
                "none" => None,
                "before" | "after" => Some("v"),
                _ => Some("b"),
            };
            assert_eq!(value.map(|value| &value[..]), expected.map(str::as_bytes));
        }
    }
    soon(bucket.delete_many(&asked)).await.unwrap();
    assert_eq!(value(&*bucket, "broken-0").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_with_broken_messages_among_them() {
    let server = server().await;
    let (_store, bucket, _raw) = broken(&server).await;
    for _ in 0..2 {
        let page = soon(bucket.list(List::default())).await.unwrap();
        assert_eq!(page.keys, names());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_passes_broken_messages() {
    let server = server().await;
    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let mut raw = Raw::connect(server.addr()).await;
    for round in 0..3 {
        for (number, headers) in BROKEN.iter().enumerate() {
            for (key, headers) in [("broken", *headers), ("sound", &b"NATS/1.0\r\n\r\n"[..])] {
                let key = format!("{key}-{number}");
                raw.store(&subject(&key), headers, b"v").await;
                let event = soon(watch.next()).await.unwrap().unwrap();
                assert_eq!(event.key(), Some(&*key), "round {round}");
            }
        }
    }
    // Those that come one after the other.
    for headers in BROKEN {
        raw.store(b"$KV.b.run", headers, b"v").await;
    }
    raw.store(b"$KV.b.end", b"NATS/1.0\r\n\r\n", b"v").await;
    loop {
        let event = soon(watch.next()).await.unwrap().unwrap();
        if event.key() == Some("end") {
            break;
        }
        assert_eq!(event.key(), Some("run"));
    }
}

/// Each breaks the connection once, and a listing does not go on for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_breaks_too_many_connections_names_a_message() {
    let server = server().await;
    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    let mut raw = Raw::connect(server.addr()).await;
    for number in 0..40 {
        raw.store(&subject(&format!("broken-{number}")), BROKEN[1], b"v")
            .await;
        // So that they are no run.
        for sound in 0..2 {
            let sound = subject(&format!("sound-{number}-{sound}"));
            raw.store(&sound, b"NATS/1.0\r\n\r\n", b"v").await;
        }
    }
    let listed = timeout(Duration::from_secs(30), bucket.list(List::default())).await;
    let error = listed.expect("it ends").unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    assert!(error.to_string().contains("$KV.b.broken-"), "{error}");
    assert_eq!(value(&*bucket, "sound-0-0").await.unwrap(), "v");
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_count_once_while_broken_messages_are_read() {
    let server = server().await;
    let (_store, bucket, mut raw) = broken(&server).await;
    let counting = async {
        let (mut done, mut doubtful) = (0, 0);
        while done < 200 {
            match soon(bucket.increment("n", 1)).await {
                Ok(_) => done += 1,
                Err(Error::Ambiguous(_)) => doubtful += 1,
                Err(Error::Unavailable(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
        done..=done + doubtful
    };
    let breaking = async {
        for round in 0..20 {
            let headers = BROKEN[round % BROKEN.len()];
            let key = format!("round-{round}");
            raw.store(&subject(&key), headers, b"b").await;
            assert_eq!(value(&*bucket, &key).await.unwrap(), "b");
        }
    };
    let (counted, ()) = tokio::join!(counting, breaking);
    let sum = bucket.increment("n", 0).await.unwrap();
    assert!(counted.contains(&sum), "{sum} in {counted:?}");
}

/// Servers put their headers behind those of the message, which may have the same.
#[tokio::test]
async fn a_message_cannot_pass_for_another() {
    let server = server().await;
    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    bucket
        .set("theirs", "true".into(), Set::default())
        .await
        .unwrap();
    let mut raw = Raw::connect(server.addr()).await;
    for status in ["", " 204", " 404 Not Found", " 503"] {
        let headers = format!(
            "NATS/1.0{status}\r\nNats-Subject: $KV.b.theirs\r\nNats-Sequence: 7\r\n\
             Nats-Num-Pending: 0\r\n\r\n"
        );
        raw.store(b"$KV.b.mine", headers.as_bytes(), b"false").await;
        for key in ["mine", "theirs"] {
            let expected = if key == "mine" { "false" } else { "true" };
            assert_eq!(value(&*bucket, key).await.unwrap(), expected, "{status}");
        }
        for asked in [["mine", "theirs"], ["theirs", "mine"]] {
            let read = bucket.get_many(&asked).await.unwrap();
            for (key, entry) in asked.iter().zip(read) {
                let expected = if *key == "mine" { "false" } else { "true" };
                assert_eq!(entry.unwrap().value, expected, "{status}: {key}");
            }
        }
        let version = bucket.get("mine").await.unwrap().unwrap().version;
        assert_ne!(version.as_u64(), Some(7));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_has_every_key_though_its_reader_is_told_of_an_end_too_early() {
    let server = server().await;
    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    // More than a reader asks for at a time.
    let keys: Vec<String> = (0..700).map(|number| format!("{number:03}")).collect();
    let entries = keys.iter().map(|key| (&**key, Bytes::new())).collect();
    bucket.set_many(entries).await.unwrap();
    Raw::connect(server.addr()).await.end_pulls(8).await;
    let page = soon(bucket.list(List::default())).await.unwrap();
    assert_eq!(page.keys, keys);
}
