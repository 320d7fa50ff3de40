//! The flat layout: keys that other programs own, and Keywell's own beside them, which no bucket
//! but theirs shows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use keywell_servers::{Cluster, Redis};
use keywell_store::layer::{Grant, Granted};
use keywell_store::{
    Bucket, BucketName, Change, Error, Expected, Filter, List, Set, Since, Store as _,
};

use crate::support::{bucket, connect, hear, notifying_server};

/// The reserved buckets in use.
const NAMES: [&str; 4] = [
    "keywell-triggers",
    "keywell-deadletters",
    "keywell-journals",
    "keywell-receipts",
];

/// A key of each, as the default bucket would name it.
const OWN: [&str; 4] = [
    "keywell-triggers:flat:k",
    "keywell-deadletters:flat:k",
    "keywell-journals:flat:k",
    "keywell-receipts:flat:k",
];

fn is_denied<T: std::fmt::Debug>(what: &str, refused: Result<T, Error>) {
    match refused {
        Err(Error::AccessDenied(why)) => assert!(why.contains("Keywell's own"), "{what}: {why}"),
        other => panic!("{what}: {other:?}"),
    }
}

/// Opens the reserved buckets and writes `k` to each.
async fn own_keys(store: &keywell_redis::RedisStore) -> [Arc<dyn Bucket>; 4] {
    let mut own = Vec::new();
    for name in NAMES {
        let bucket = bucket(store, name).await;
        bucket.set("k", name.into(), Set::default()).await.unwrap();
        own.push(bucket);
    }
    own.try_into().ok().unwrap()
}

#[tokio::test]
async fn reserved_buckets_open_and_keep_their_keys_beneath_reserved_prefixes() {
    let redis = notifying_server().await;
    for (settings, prefix) in [
        ("layout=flat", ""),
        ("prefix=", ""),
        ("layout=flat&prefix=app:", "app:"),
        ("prefix=app%2F*", "app/*"),
    ] {
        redis.flush().await.unwrap();
        let store = connect(&format!("{}?{settings}", redis.url())).await;
        let buckets = own_keys(&store).await;
        for own in OWN {
            let raw = redis
                .cli(&["GET", &format!("{prefix}{own}")])
                .await
                .unwrap();
            assert!(own.starts_with(raw.trim()), "{raw}");
        }
        for own in &buckets {
            assert_eq!(own.list(List::default()).await.unwrap().keys, ["k"]);
            assert_eq!(own.increment("n", 2).await.unwrap(), 2);
            own.delete("n").await.unwrap();
        }
        let names = |names: Vec<BucketName>| -> Vec<String> {
            names.iter().map(ToString::to_string).collect()
        };
        let mut own = NAMES;
        own.sort_unstable();
        assert_eq!(names(store.buckets().await.unwrap()), own, "{settings}");
        redis
            .cli(&["SET", &format!("{prefix}a"), "1"])
            .await
            .unwrap();
        let all = [&["default"], &own[..]].concat();
        assert_eq!(names(store.buckets().await.unwrap()), all, "{settings}");
        buckets[0].delete("k").await.unwrap();
        let triggers = BucketName::parse("keywell-triggers").unwrap();
        store.forget(&triggers).await.unwrap();
        assert_eq!(
            names(store.buckets().await.unwrap()),
            all[..4],
            "{settings}"
        );
    }
}

#[tokio::test]
async fn no_call_of_the_default_bucket_reads_or_writes_a_reserved_key() {
    let redis = notifying_server().await;
    for prefix in ["", "app:"] {
        redis.flush().await.unwrap();
        let store = connect(&format!("{}?layout=flat&prefix={prefix}", redis.url())).await;
        let buckets = own_keys(&store).await;
        let all = bucket(&store, "").await;
        all.set("a", "1".into(), Set::default()).await.unwrap();
        let others = ["keywell-triggers:", "keywell-deadletters:x"];
        for key in OWN.into_iter().chain(others) {
            let value = || Set::default();
            is_denied("get", all.get(key).await);
            is_denied("exists", all.exists(key).await);
            is_denied("set", all.set(key, "v".into(), value()).await);
            is_denied("delete", all.delete(key).await);
            is_denied("increment", all.increment(key, 1).await);
            for change in [Change::Set("v".into(), value()), Change::Delete] {
                is_denied("swap", all.swap(key, Expected::Absent, change).await);
            }
            is_denied("get_many", all.get_many(&["a", key]).await);
            is_denied(
                "set_many",
                all.set_many(vec![("b", "2".into()), (key, "v".into())])
                    .await,
            );
            is_denied("delete_many", all.delete_many(&["a", key]).await);
            for filter in [Filter::Key(key.into()), Filter::Prefix(key.into())] {
                let both = Filter::AnyOf(vec![Filter::Key("a".into()), filter.clone()]);
                for filter in [filter, both] {
                    is_denied("watch", all.watch(filter, Since::Now).await.map(drop));
                }
            }
        }
        // Of a batch that is refused, nothing was done.
        assert_eq!(all.list(List::default()).await.unwrap().keys, ["a"]);
        for (own, name) in buckets.iter().zip(NAMES) {
            assert_eq!(own.get("k").await.unwrap().unwrap().value, name);
        }
        // What only looks like one is a key as any other.
        for near in [
            "keywell-triggers",
            "keywell-triggers2:k",
            "xkeywell-triggers:k",
        ] {
            all.set(near, "v".into(), Set::default()).await.unwrap();
            assert!(all.exists(near).await.unwrap(), "{near}");
        }
    }
}

#[tokio::test]
async fn no_grant_leads_to_a_reserved_key() {
    let redis = notifying_server().await;
    let store = connect(&format!("{}?layout=flat", redis.url())).await;
    own_keys(&store).await;
    let all = bucket(&store, "").await;
    let granted = |prefix: &str| {
        let grant = Grant {
            prefix: prefix.to_owned(),
            ..Grant::default()
        };
        Granted::new(all.clone(), grant)
    };
    for (prefix, key) in [
        ("keywell-triggers:", "flat:k"),
        ("keywell-triggers:flat:", "k"),
        ("keywell-", "triggers:flat:k"),
    ] {
        let granted = granted(prefix);
        is_denied(prefix, granted.get_within(key, usize::MAX).await);
        is_denied(prefix, granted.set(key, "v".into(), Set::default()).await);
        let listed = granted.list(List::default()).await.unwrap().keys;
        assert_eq!(listed, [""; 0], "{prefix}");
    }
    let watched = granted("keywell-triggers:")
        .watch(Filter::All, Since::Now)
        .await;
    is_denied("watch", watched.map(drop));
}

#[tokio::test]
async fn pages_of_a_listing_are_full_though_reserved_keys_lie_between() {
    let redis = notifying_server().await;
    let store = connect(&format!("{}?layout=flat", redis.url())).await;
    let triggers = bucket(&store, "keywell-triggers").await;
    let names: Vec<String> = (0..50).map(|n| format!("n{n:02}")).collect();
    let all = |names: &[String]| -> Vec<(String, bytes::Bytes)> {
        names
            .iter()
            .map(|name| (name.clone(), "v".into()))
            .collect()
    };
    let own = all(&names);
    let own: Vec<_> = own
        .iter()
        .map(|(name, value)| (&**name, value.clone()))
        .collect();
    triggers.set_many(own).await.unwrap();
    // Before, between and behind the reserved ones.
    let keys: Vec<String> = ["a", "keywell-e", "keywell-u", "z"]
        .iter()
        .flat_map(|beginning| (0..5).map(move |n| format!("{beginning}{n}")))
        .collect();
    for key in &keys {
        redis.cli(&["SET", key, "theirs"]).await.unwrap();
    }
    let bucket = bucket(&store, "").await;
    for prefix in ["", "keywell-"] {
        let mut expected = keys.clone();
        expected.retain(|key| key.starts_with(prefix));
        let mut request = List {
            prefix: prefix.to_owned(),
            limit: 3,
            ..List::default()
        };
        let mut listed = Vec::new();
        loop {
            let page = bucket.list(request.clone()).await.unwrap();
            let left = expected.len() - listed.len();
            assert_eq!(page.keys.len(), left.min(3), "{prefix:?} after {listed:?}");
            listed.extend(page.keys);
            request.cursor = page.cursor;
            if request.cursor.is_none() {
                break;
            }
        }
        assert_eq!(listed, expected, "{prefix:?}");
    }
    let request = List {
        prefix: "keywell-triggers:".to_owned(),
        ..List::default()
    };
    assert_eq!(bucket.list(request).await.unwrap().keys, [""; 0]);
}

/// Both subscribe to the same pattern.
async fn are_kept_apart(redis: &Redis, url: &str) {
    let store = connect(url).await;
    let [triggers, ..] = own_keys(&store).await;
    let default = bucket(&store, "").await;
    let mut all = default.watch(Filter::All, Since::Now).await.unwrap();
    let near = Filter::Prefix("keywell-".into());
    let mut near = default.watch(near, Since::Now).await.unwrap();
    let mut own = triggers.watch(Filter::All, Since::Now).await.unwrap();
    for round in 0..3 {
        let value = round.to_string();
        let set = |bucket: &Arc<dyn Bucket>, key: &str| {
            bucket.set(key, value.clone().into(), Set::default())
        };
        set(&triggers, "k").await.unwrap();
        triggers.delete("k").await.unwrap();
        set(&triggers, "m").await.unwrap();
        set(&default, "keywell-k").await.unwrap();
        redis.cli(&["-c", "SET", "bare", &value]).await.unwrap();
        assert_eq!(hear(&mut near).await, format!("keywell-k={round}"));
        let mut heard = [hear(&mut all).await, hear(&mut all).await];
        heard.sort_unstable();
        assert_eq!(
            heard,
            [format!("bare={round}"), format!("keywell-k={round}")]
        );
        while hear(&mut own).await != format!("m={round}") {}
    }
    assert_eq!(
        all.coalesced() + near.coalesced(),
        0,
        "they are not counted either"
    );
}

#[tokio::test]
async fn a_watch_of_all_keys_hears_nothing_of_reserved_ones() {
    let redis = notifying_server().await;
    for settings in ["layout=flat", "layout=flat&share-connections=true"] {
        are_kept_apart(&redis, &format!("{}?{settings}", redis.url())).await;
    }
}

#[tokio::test]
async fn on_a_cluster_reserved_keys_are_kept_apart_too() {
    let node = Redis::builder().config("notify-keyspace-events AKE");
    let cluster = Cluster::start_with(3, 0, node).await.unwrap();
    let url = format!("redis+cluster://{}?layout=flat", cluster.addrs()[0]);
    are_kept_apart(&cluster.primaries()[0], &url).await;
    let store = connect(&url).await;
    let names = store.buckets().await.unwrap();
    let names: Vec<&str> = names.iter().map(BucketName::as_str).collect();
    let mut expected = NAMES.to_vec();
    expected.push("default");
    expected.sort_unstable();
    assert_eq!(names, expected);
    let all = bucket(&store, "").await;
    for key in OWN {
        is_denied("get", all.get(key).await);
        is_denied("get_many", all.get_many(&["a", key]).await);
    }
    let listed = all.list(List::default()).await.unwrap().keys;
    assert_eq!(listed, ["bare", "keywell-k"]);
}

/// Records of one name are no records of the other, though the layouts share a database.
#[tokio::test]
async fn reserved_buckets_of_the_plain_layout_are_others() {
    let redis = notifying_server().await;
    let (plain, flat) = (
        connect(&redis.url()).await,
        connect(&format!("{}?layout=flat", redis.url())).await,
    );
    let plain = bucket(&plain, "keywell-triggers").await;
    let flat = bucket(&flat, "keywell-triggers").await;
    plain
        .set("groups/t", "plain".into(), Set::default())
        .await
        .unwrap();
    assert_eq!(flat.get("groups/t").await.unwrap(), None);
    flat.set("groups/t", "flat".into(), Set::default())
        .await
        .unwrap();
    assert_eq!(plain.get("groups/t").await.unwrap().unwrap().value, "plain");
}
