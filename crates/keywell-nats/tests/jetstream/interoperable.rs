//! Other clients read what it writes, and it reads what they write, as ADR-8 has it.

use async_nats::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt as _;
use keywell_store::{Event, Filter, List, Set, Since};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;

use crate::place::{ask, client, open, server, store};

async fn last(client: &async_nats::Client, subject: &str) -> serde_json::Value {
    let body = json!({ "last_by_subj": subject });
    let answer = ask(client, "$JS.API.STREAM.MSG.GET.KV_b", body).await;
    answer["message"].clone()
}

async fn keys(bucket: &dyn keywell_store::Bucket) -> Vec<String> {
    let mut request = List::default();
    let mut keys = Vec::new();
    loop {
        let page = bucket.list(request.clone()).await.unwrap();
        keys.extend(page.keys);
        match page.cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => return keys,
        }
    }
}

#[tokio::test]
async fn other_clients_share_its_buckets() {
    let server = server().await;
    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    let client = client(&server).await;

    // The stream is one of a bucket.
    let info = ask(&client, "$JS.API.STREAM.INFO.KV_b", json!(null)).await;
    let config = &info["config"];
    assert_eq!(config["subjects"], json!(["$KV.b.>"]));
    for (name, value) in [
        ("max_msgs_per_subject", json!(1)),
        ("discard", json!("new")),
        ("allow_rollup_hdrs", json!(true)),
        ("deny_delete", json!(true)),
        ("allow_direct", json!(true)),
        ("allow_msg_ttl", json!(true)),
        ("allow_atomic", json!(true)),
    ] {
        assert_eq!(config[name], value, "{name}");
    }

    // What it writes.
    bucket
        .set("a.key", Bytes::from_static(b"v"), Set::default())
        .await
        .unwrap();
    let message = last(&client, "$KV.b.a.key").await;
    assert_eq!(message["data"], json!(STANDARD.encode("v")));
    bucket.delete("a.key").await.unwrap();
    let message = last(&client, "$KV.b.a.key").await;
    let headers = STANDARD.decode(message["hdrs"].as_str().unwrap()).unwrap();
    assert!(
        String::from_utf8(headers)
            .unwrap()
            .contains("KV-Operation: DEL")
    );

    // What others write.
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let _ = ask(&client, "$KV.b.theirs", json!(5)).await;
    let entry = bucket.get("theirs").await.unwrap().unwrap();
    assert_eq!(entry.value, "5");
    assert_eq!(bucket.increment("theirs", 2).await.unwrap(), 7);
    assert_eq!(keys(&*bucket).await, ["theirs"]);
    for operation in ["DEL", "PURGE"] {
        let _ = ask(&client, "$KV.b.theirs", json!(1)).await;
        let mut headers = HeaderMap::new();
        headers.insert("KV-Operation", operation);
        if operation == "PURGE" {
            headers.insert("Nats-Rollup", "sub");
        }
        let deleted = client.request_with_headers("$KV.b.theirs", headers, "".into());
        deleted.await.unwrap();
        assert_eq!(bucket.get("theirs").await.unwrap(), None, "{operation}");
        assert!(keys(&*bucket).await.is_empty(), "{operation}");
    }
    loop {
        match watch.next().await.unwrap().unwrap() {
            Event::Set { key, .. } => assert_eq!(key, "theirs"),
            Event::Delete { key, expired, .. } => {
                assert_eq!((&*key, expired), ("theirs", false));
                break;
            }
            other => panic!("{other:?}"),
        }
    }

    // What is written as no key of ours is not there.
    let _ = ask(&client, "$KV.b.a=41", json!(1)).await;
    assert!(keys(&*bucket).await.is_empty());
    assert_eq!(bucket.get("aA").await.unwrap(), None);
    assert_eq!(bucket.get("a=41").await.unwrap(), None);
}

#[tokio::test]
async fn any_key_comes_back_as_it_was_written() {
    let server = server().await;
    let store = store(&server).await;
    let bucket = open(&store, "an odd.name é").await;
    let letters: Vec<char> = "ab=._-/ 02E4CF\0\r\n\t*>é🗝".chars().collect();
    let seed = std::env::var("KEYWELL_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("KEYWELL_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut written: Vec<String> = ["*", ">", ".", "a..b", "=", "=3D", "\u{7f}"]
        .map(String::from)
        .into();
    written.push("é".repeat(512));
    written.push(".".repeat(1024));
    written.push("k".repeat(1024));
    while written.len() < 200 {
        let length = random.random_range(1..9);
        let key = (0..length).map(|_| letters[random.random_range(0..letters.len())]);
        written.push(key.collect());
    }
    written.sort();
    written.dedup();
    let entries = written
        .iter()
        .map(|key| (&**key, Bytes::copy_from_slice(key.as_bytes())));
    bucket.set_many(entries.collect()).await.unwrap();
    assert_eq!(keys(&*bucket).await, written);
    let asked: Vec<&str> = written.iter().map(String::as_str).collect();
    let read = bucket.get_many(&asked).await.unwrap();
    for (key, entry) in written.iter().zip(read) {
        assert_eq!(entry.unwrap().value, key.as_bytes(), "{key:?}");
    }
    let names = keywell_store::Store::buckets(&store).await.unwrap();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0].as_str(), "an odd.name é");
    bucket.delete_many(&asked).await.unwrap();
    assert!(keys(&*bucket).await.is_empty());
}
