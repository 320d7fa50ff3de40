//! What went wrong elsewhere, seen from the server.

use bytes::Bytes;
use keywell_servers::Redis;
use keywell_store::{BucketName, Change, Expected, List, Set, Swap};

use crate::support::{bucket, on_both_layouts, open};

on_both_layouts! {
    no_key_gets_a_time_to_live_that_was_not_set
    names_that_meet_when_joined_are_kept_apart
    a_swap_that_is_stale_sends_no_write
    a_listing_goes_on_through_restarts_of_both
}

/// The times to live of all keys of the server; -1 is none.
async fn times_to_live(redis: &Redis) -> Vec<(String, String)> {
    let mut control = redis.connect().await.unwrap();
    let keys = control.command(&["KEYS", "*"]).await.unwrap();
    let mut times = Vec::new();
    for key in keys.items() {
        let ttl = control.command(&["PTTL", &key.text()]).await.unwrap();
        times.push((key.text(), ttl.text()));
    }
    times
}

async fn no_key_gets_a_time_to_live_that_was_not_set(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &format!("layout={layout}")).await;
    let bucket = bucket(&store, "b").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    bucket.set_many(vec![("l", "v".into())]).await.unwrap();
    bucket.increment("n", 1).await.unwrap();
    let change = Change::Set("v".into(), Set::default());
    bucket.swap("s", Expected::Absent, change).await.unwrap();
    let times = times_to_live(&redis).await;
    assert!(times.len() >= 4, "{times:?}");
    assert!(times.iter().all(|(_, ttl)| ttl == "-1"), "{times:?}");
}

async fn names_that_meet_when_joined_are_kept_apart(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &format!("layout={layout}")).await;
    let pairs = [
        ("a:b", "c"),
        ("a", "b:c"),
        ("a%3Ab", "c"),
        ("a%3A", "b:c"),
        ("{a}", "c"),
        ("a*", "c"),
        ("a?", "c"),
        ("A", "b:c"),
        ("a:", "b:c"),
        ("", "a:b:c"),
        ("default", "a:b"),
    ];
    for (number, (name, key)) in pairs.iter().enumerate() {
        let value = Bytes::from(number.to_string());
        bucket(&store, name)
            .await
            .set(key, value, Set::default())
            .await
            .unwrap();
    }
    for (number, (name, key)) in pairs.iter().enumerate() {
        let bucket = bucket(&store, name).await;
        let held = bucket.get(key).await.unwrap().unwrap().value;
        assert_eq!(held, number.to_string(), "{name:?} {key:?}");
        let listed = bucket.list(List::default()).await.unwrap().keys;
        let own = pairs.iter().filter(|(other, _)| {
            BucketName::parse(other).unwrap() == BucketName::parse(name).unwrap()
        });
        let mut own: Vec<&str> = own.map(|(_, key)| *key).collect();
        own.sort_unstable();
        let mut listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        listed.sort_unstable();
        assert_eq!(listed, own, "{name:?}");
    }
}

async fn a_swap_that_is_stale_sends_no_write(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &format!("layout={layout}")).await;
    let bucket = bucket(&store, "b").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    let before = bucket.get("k").await.unwrap().unwrap();
    bucket.set("k", "w".into(), Set::default()).await.unwrap();
    let mut control = redis.connect().await.unwrap();
    let mut changes = async || {
        let answer = control
            .command(&["INFO", "persistence"])
            .await
            .unwrap()
            .text();
        let line = answer
            .lines()
            .find(|line| line.starts_with("rdb_changes_since_last_save"));
        line.unwrap().to_owned()
    };
    let made = changes().await;
    for change in [Change::Delete, Change::Set("x".into(), Set::default())] {
        for expected in [Expected::At(before.version.clone()), Expected::Absent] {
            let swap = bucket.swap("k", expected, change.clone()).await.unwrap();
            assert_eq!(swap, Swap::Stale);
        }
    }
    assert_eq!(changes().await, made);
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "w");
}

async fn a_listing_goes_on_through_restarts_of_both(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let url = redis.url();
    let store = open(&url, &format!("layout={layout}")).await;
    let keys: Vec<String> = (0..500).map(|number| format!("{number:03}")).collect();
    let entries = keys
        .iter()
        .map(|key| (key.as_str(), Bytes::new()))
        .collect();
    let first = bucket(&store, "b").await;
    first.set_many(entries).await.unwrap();
    // Each page by another connection, and by a server that has been restarted in between.
    let mut request = List {
        limit: 100,
        ..List::default()
    };
    let mut listed = Vec::new();
    loop {
        let store = open(&url, &format!("layout={layout}")).await;
        let page = bucket(&store, "b")
            .await
            .list(request.clone())
            .await
            .unwrap();
        listed.extend(page.keys);
        if page.cursor.is_none() {
            break;
        }
        request.cursor = page.cursor;
        redis.restart().await.unwrap();
    }
    listed.sort();
    assert_eq!(listed, keys);
}
