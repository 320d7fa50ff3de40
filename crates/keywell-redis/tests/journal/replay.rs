//! The events of a watch, replayed, give the present state: under concurrent writers, times that end and
//! connections that are cut.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::join_all;
use keywell_servers::{Proxy, Redis};
use keywell_store::{Change, Event, Expected, Filter, List, ResumeToken, Set, Since, Version};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::timeout;

use crate::support::{
    Handle, PATIENCE, bucket, connect, get, next, open, orders, received, resumed, set, short,
    until, watch,
};

const KEYS: usize = 12;

fn seed() -> u64 {
    let given = std::env::var("KEYWELL_SEED").ok();
    let seed = given.map_or_else(rand::random, |text| text.parse().unwrap());
    println!("KEYWELL_SEED={seed}");
    seed
}

/// One random call, whatever comes of it.
async fn act(bucket: &Handle, rng: &mut StdRng, n: usize) {
    let key = format!("k{}", rng.random_range(0..KEYS));
    let value = Bytes::from(n.to_string());
    let ttl = rng
        .random_bool(0.5)
        .then(|| Duration::from_millis(rng.random_range(1..30)));
    match rng.random_range(0..7) {
        0..3 => drop(bucket.set(&key, value, Set { ttl }).await.unwrap()),
        3 => bucket.delete(&key).await.unwrap(),
        4 => {
            let read = get(bucket, &key).await;
            let change = if rng.random_bool(0.7) {
                Change::Set(value, Set { ttl })
            } else {
                Change::Delete
            };
            let expected = Expected::from(read.as_ref());
            drop(bucket.swap(&key, expected, change).await.unwrap());
        }
        5 => drop(bucket.increment(&key, 3).await.unwrap()),
        _ => {
            let other = format!("k{}", rng.random_range(0..KEYS));
            let entries = vec![(key.as_str(), value.clone()), (other.as_str(), value)];
            bucket.set_many(entries).await.unwrap();
        }
    }
}

/// Plays events back until the last one, and checks each against what was there.
async fn replay(watch: &mut keywell_store::Watch) -> BTreeMap<String, (Bytes, Version)> {
    let mut state = BTreeMap::new();
    let mut versions = HashMap::new();
    loop {
        match next(watch).await {
            Event::Set {
                key,
                value,
                version,
                ..
            } => {
                let version = version.unwrap();
                let other = versions.insert(version.clone(), key.clone());
                assert_eq!(other, None, "{version:?} was used twice");
                if key == "end" {
                    return state;
                }
                state.insert(key, (value, version));
            }
            Event::Delete { key, expired, .. } => {
                let was = state.remove(&key);
                assert!(was.is_some(), "{key} is gone twice (expired: {expired})");
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn plays_back(settings: &str) {
    let seed = seed();
    let redis = Redis::start().await.unwrap();
    let writing = bucket(&open(&redis, &format!("{settings}&connections=2")).await).await;
    let mut watching = watch(&writing).await;
    let unwatched = watching.start().unwrap().clone();
    let tasks = (0..8).map(|task| {
        let bucket = writing.clone();
        let mut rng = StdRng::seed_from_u64(seed ^ task);
        tokio::spawn(async move {
            for n in 0..150 {
                act(&bucket, &mut rng, n).await;
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    until("every time to end", || async {
        match redis
            .command(&["KEYS", "*:due"])
            .await
            .unwrap()
            .items()
            .len()
        {
            0 => Ok(()),
            due => Err(Box::new(format!("{due} shards with deadlines")) as _),
        }
    })
    .await;
    set(&writing, "end", "").await;
    let state = replay(&mut watching).await;
    let mut again = resumed(&writing, &unwatched).await;
    assert_eq!(
        replay(&mut again).await,
        state,
        "both times deliver the same"
    );

    let listed = writing.list(List::default()).await.unwrap().keys;
    let delivered: Vec<&String> = state.keys().collect();
    let listed: Vec<&String> = listed.iter().filter(|key| *key != "end").collect();
    assert_eq!(delivered, listed);
    for (key, (value, version)) in &state {
        let entry = get(&writing, key).await.unwrap();
        assert_eq!((&entry.value, &entry.version), (value, version), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivered_events_replay_to_the_present_state() {
    plays_back("").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivered_events_of_several_shards_replay_to_the_present_state() {
    plays_back("&shards=3").await;
}

/// Watches through a way that is cut again and again; each goes on from where it was, or from its
/// last token if it ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_lose_nothing_over_a_connection_that_is_cut() {
    let seed = seed();
    let (redis, writing) = orders("").await;
    let proxy = Arc::new(Proxy::to(redis.addr()).await.unwrap());
    let url = redis.url_at(proxy.addr());
    let settings = "&reconnect-max-delay=20ms&shards=1";
    let watched = bucket(&connect(&url, settings).await).await;
    let watchers: Vec<_> = join_all((0..4).map(|_| watch(&watched)))
        .await
        .into_iter()
        .map(|mut watch| {
            let watched = watched.clone();
            tokio::spawn(async move {
                let mut token: ResumeToken = watch.start().unwrap().clone();
                let mut heard = Vec::new();
                loop {
                    let event = timeout(PATIENCE, watch.next()).await.expect("it goes on");
                    match event.expect("a watch ends by an error") {
                        Ok(event) => {
                            token = event.token().unwrap().clone();
                            heard.push(short(&event));
                            if event.key() == Some("end") {
                                return heard;
                            }
                        }
                        Err(keywell_store::Error::Unavailable(_)) => {
                            let since = Since::After(token.clone());
                            watch = watched.watch(Filter::All, since).await.unwrap();
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect();
    let mut truth = watch(&writing).await;
    let mut rng = StdRng::seed_from_u64(seed);
    for n in 0..1500 {
        act(&writing, &mut rng, n).await;
        if rng.random_bool(0.03) {
            proxy.cut();
        }
    }
    set(&writing, "end", "").await;
    let mut expected = Vec::new();
    while expected.last().is_none_or(|last| last != "end=") {
        expected.push(received(&mut truth).await);
    }
    for watcher in watchers {
        assert_eq!(watcher.await.unwrap(), expected);
    }
}
