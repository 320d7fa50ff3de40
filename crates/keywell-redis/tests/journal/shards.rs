//! Buckets of several shards.

use std::collections::BTreeSet;

use keywell_servers::Redis;
use keywell_store::{Batching, BucketName, Error, Filter, List, Set, Since};

use crate::support::{
    ask_all, ask_number, bucket, get, named, next, open, orders, received_many, resumed, set,
    short, silent, watch,
};

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("k{n:04}")).collect()
}

#[tokio::test]
async fn keys_are_spread_and_each_is_found_again() {
    let (redis, bucket) = orders("&shards=4").await;
    assert_eq!(bucket.capabilities().batch, Batching::Sequential);
    let keys = numbered(1000);
    let entries = keys.iter().map(|key| (key.as_str(), key.clone().into()));
    bucket.set_many(entries.collect()).await.unwrap();
    for shard in 0..4 {
        let index = format!(":keywell:{{orders:{shard}/4}}:index");
        let count = ask_number(&redis, &["ZCARD", &index]).await;
        assert!((200..300).contains(&count), "shard {shard} has {count}");
    }
    let mut asked: Vec<&str> = keys.iter().rev().map(String::as_str).collect();
    asked.insert(500, "never there");
    asked.push(&keys[7]);
    let entries = bucket.get_many(&asked).await.unwrap();
    for (key, entry) in asked.iter().zip(entries) {
        let value = entry.map(|entry| String::from_utf8(entry.value.to_vec()).unwrap());
        assert_eq!(value.as_deref(), (*key != "never there").then_some(*key));
    }
}

#[tokio::test]
async fn a_listing_of_all_shards_is_in_order_while_others_write() {
    let (_redis, bucket) = orders("&shards=4").await;
    let keys = numbered(500);
    let entries = keys.iter().map(|key| (key.as_str(), "v".into()));
    bucket.set_many(entries.collect()).await.unwrap();
    let mut request = List {
        limit: 7,
        ..List::default()
    };
    let mut listed = Vec::new();
    for n in 0.. {
        let page = bucket.list(request.clone()).await.unwrap();
        assert!(page.keys.len() <= 7);
        listed.extend(page.keys);
        request.cursor = page.cursor;
        if request.cursor.is_none() {
            break;
        }
        set(&bucket, &format!("j{n}"), "before all").await;
        set(&bucket, &format!("k{:04}x", n * 7 + 200), "among them").await;
    }
    assert!(listed.is_sorted());
    let whole: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(whole.len(), listed.len(), "none is listed twice");
    assert!(keys.iter().all(|key| whole.contains(key)));
}

/// Each event's token has the places of all shards, so any of them resumes the whole.
#[tokio::test]
async fn a_watch_of_all_shards_resumes_from_any_event() {
    let (_redis, bucket) = orders("&shards=4").await;
    let mut watching = watch(&bucket).await;
    let mut heard = Vec::new();
    let mut tokens = vec![watching.start().unwrap().clone()];
    for key in numbered(40) {
        set(&bucket, &key, "v").await;
    }
    for _ in 0..40 {
        let event = next(&mut watching).await;
        tokens.push(event.token().unwrap().clone());
        heard.push(short(&event));
    }
    let all: BTreeSet<String> = heard.iter().cloned().collect();
    assert_eq!(all.len(), 40);
    for (at, token) in tokens.iter().enumerate() {
        let mut resumed = resumed(&bucket, token).await;
        let rest: BTreeSet<String> = received_many(&mut resumed, 40 - at)
            .await
            .into_iter()
            .collect();
        let expected: BTreeSet<String> = heard[at..].iter().cloned().collect();
        assert_eq!(rest, expected, "after {at} events");
        if at % 10 == 0 {
            silent(&mut resumed).await;
        }
    }
}

#[tokio::test]
async fn a_bucket_keeps_the_number_of_shards_it_was_made_with() {
    let redis = Redis::start().await.unwrap();
    let made = open(&redis, "&shards=2").await;
    set(&bucket(&made).await, "k", "v").await;
    let other = open(&redis, "").await;
    let refused = bucket(&other)
        .await
        .set("k", "w".into(), Set::default())
        .await;
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    let refused = bucket(&other).await.watch(Filter::All, Since::Now).await;
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    assert_eq!(get(&bucket(&made).await, "k").await.unwrap().value, "v");
    // It is listed whatever the number of shards in the URL, and others can be made beside it.
    set(&named(&other, "receipts").await, "k", "v").await;
    let names = other.buckets().await.unwrap();
    let names: Vec<&str> = names.iter().map(BucketName::as_str).collect();
    assert_eq!(names, ["orders", "receipts"]);
    let registry = ask_all(&redis, &["HGETALL", ":keywell:buckets"]).await;
    assert_eq!(registry.len(), 4);
}
