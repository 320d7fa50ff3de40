//! Large values on the plain layout, where they are read behind events: a server buffers only so much
//! of them for one who watches.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_servers::{Proxy, Redis};
use keywell_store::{Bucket, Event, Filter, Set, Store};

use crate::support::{bucket, next, open, patient, received, silent, watch};

pub(crate) const MIB: usize = 1 << 20;

pub(crate) struct Setting {
    pub(crate) redis: Redis,
    _store: Arc<dyn Store>,
    pub(crate) bucket: Arc<dyn Bucket>,
}

pub(crate) async fn setting() -> Setting {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &patient("plain")).await;
    let bucket = bucket(&store, "b").await;
    Setting {
        redis,
        _store: store,
        bucket,
    }
}

/// How often the server cut off a client that let it buffer too much.
pub(crate) fn cut_off(redis: &Redis) -> usize {
    let log = std::fs::read_to_string(redis.folder().join("server.log")).unwrap();
    log.matches("output buffer limits").count()
}

fn name(event: &Event) -> String {
    let key = event.key();
    key.map_or_else(|| format!("{event:?}"), str::to_owned)
}

/// A value that says its number, of so many bytes.
pub(crate) fn large(number: usize, bytes: usize) -> Bytes {
    let mut value = format!("{number:08}").into_bytes();
    value.resize(bytes, b'x');
    value.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn named_keys_of_any_size_are_delivered_again_after_a_gap() {
    for (keys, bytes, watches) in [(40, MIB, 1), (3, 15 * MIB, 1), (1, MIB, 50)] {
        let setting = setting().await;
        for key in 0..keys {
            let value = large(key, bytes);
            let set = setting.bucket.set(&key.to_string(), value, Set::default());
            set.await.unwrap();
        }
        let mut all = Vec::new();
        for _ in 0..watches {
            let named = (0..keys).map(|key| Filter::Key(key.to_string()));
            all.push(watch(&setting.bucket, Filter::AnyOf(named.collect())).await);
        }
        let killed = ["CLIENT", "KILL", "TYPE", "pubsub"];
        setting.redis.command(&killed).await.unwrap();
        for one in &mut all {
            assert_eq!(received(one).await, "gap");
            let mut heard = Vec::new();
            for _ in 0..keys {
                heard.push(next(one).await);
            }
            heard.sort_by_key(name);
            for event in heard {
                let Event::Set { key, value, .. } = event else {
                    panic!("{event:?}")
                };
                assert_eq!(value, large(key.parse().unwrap(), bytes));
            }
        }
        setting
            .bucket
            .set("0", "end".into(), Set::default())
            .await
            .unwrap();
        for one in &mut all {
            assert_eq!(received(one).await, "0=end");
        }
        assert_eq!(cut_off(&setting.redis), 0, "{keys} keys of {bytes} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_values_at_once_are_delivered() {
    let setting = setting().await;
    let mut all = watch(&setting.bucket, Filter::All).await;
    let value = "x".repeat(MIB);
    let names: Vec<String> = (0..64).map(|key| format!("b:{key}")).collect();
    let mut command = vec!["MSET"];
    for name in &names {
        command.extend([name.as_str(), &value]);
    }
    setting.redis.command(&command).await.unwrap();
    setting.redis.command(&["SET", "b:end", "1"]).await.unwrap();
    let mut delivered = 0;
    while delivered < 65 {
        match next(&mut all).await {
            Event::Set { .. } => delivered += 1,
            other => panic!("{}", name(&other)),
        }
    }
    silent(&mut all).await;
    assert_eq!(cut_off(&setting.redis), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_larger_than_any_of_ours_disturbs_no_watch() {
    let setting = setting().await;
    let mut all = watch(&setting.bucket, Filter::All).await;
    let mut one = watch(&setting.bucket, Filter::Key("k".into())).await;
    for round in 0..3 {
        let grown = ["SETRANGE", "b:k", "41943040", "x"];
        setting.redis.command(&grown).await.unwrap();
        let end = Bytes::from(round.to_string());
        setting
            .bucket
            .set("end", end, Set::default())
            .await
            .unwrap();
        assert_eq!(received(&mut all).await, format!("end={round}"));
    }
    // The largest of ours arrives.
    let value = large(1, 16 * MIB);
    setting
        .bucket
        .set("k", value.clone(), Set::default())
        .await
        .unwrap();
    for watch in [&mut one, &mut all] {
        match next(watch).await {
            Event::Set {
                value: delivered, ..
            } => assert!(delivered == value, "{} bytes", delivered.len()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(cut_off(&setting.redis), 0);
}

/// An account that may `GET` can watch, whatever else it may not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_may_not_read_parts_of_values_gets_them_all_the_same() {
    let setting = setting().await;
    let denied = ["ACL", "SETUSER", "default", "-getrange"];
    setting.redis.command(&denied).await.unwrap();
    let mut all = watch(&setting.bucket, Filter::All).await;
    for (number, bytes) in [(1, 8), (2, MIB)] {
        let value = large(number, bytes);
        let set = setting.bucket.set("k", value.clone(), Set::default());
        set.await.unwrap();
        match next(&mut all).await {
            Event::Set {
                value: delivered, ..
            } => assert!(delivered == value, "{} bytes", delivered.len()),
            other => panic!("{other:?}"),
        }
    }
}

/// A watch whose connections end at once does not busy the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_is_cut_off_again_and_again_takes_its_time() {
    let setting = setting().await;
    let proxy = Proxy::to(setting.redis.addr()).await.unwrap();
    let url = setting.redis.url_at(proxy.addr());
    let store = open(&url, &patient("plain")).await;
    let bucket = bucket(&store, "b").await;
    let _watch = watch(&bucket, Filter::All).await;
    let before = proxy.accepted();
    let mut turns = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..200 {
        turns.tick().await;
        let killed = ["CLIENT", "KILL", "TYPE", "pubsub"];
        setting.redis.command(&killed).await.unwrap();
    }
    let connections = proxy.accepted() - before;
    assert!((1..15).contains(&connections), "{connections} connections");
}
