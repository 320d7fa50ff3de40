//! Watches by keyspace events.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _};
use keywell_servers::Redis;
use keywell_store::{Bucket, Error, Event, Filter, Invalid, Set, Since, Store as _, Watch};
use tokio::time::timeout;

use crate::support::{PATIENCE, bucket, connect, hear, notifying_server, server, until};

async fn watch(bucket: &Arc<dyn Bucket>, filter: Filter) -> Watch {
    bucket
        .watch(filter, Since::Now)
        .await
        .expect("it is watched")
}

fn key(key: &str) -> Filter {
    Filter::Key(key.to_owned())
}

/// How many clients subscribe at the server.
async fn subscribers(redis: &Redis) -> usize {
    let clients = redis.cli(&["CLIENT", "LIST"]).await.expect("it answers");
    let subscribes = |client: &&str| !client.contains(" sub=0 psub=0 ");
    clients
        .lines()
        .filter(|line| !line.is_empty())
        .filter(subscribes)
        .count()
}

#[tokio::test]
async fn every_command_that_writes_or_removes_is_an_event() {
    let redis = notifying_server().await;
    let store = connect(&format!("{}/3", redis.url())).await;
    let bucket = bucket(&store, "b*").await;
    let mut watch = watch(&bucket, Filter::All).await;
    let none: &[&str] = &[];
    let cases: &[(&[&str], &[&str])] = &[
        (&["SET", "b*:k", "1"], &["k=1"]),
        (&["INCRBY", "b*:k", "4"], &["k=5"]),
        (&["APPEND", "b*:k", "x"], &["k=5x"]),
        (&["GETSET", "b*:k", "y"], &["k=y"]),
        (&["SETRANGE", "b*:k", "1", "z"], &["k=yz"]),
        (&["EXPIRE", "b*:k", "1000"], none),
        (&["PERSIST", "b*:k"], none),
        (&["COPY", "b*:k", "b*:copy"], &["copy=yz"]),
        (&["RENAME", "b*:copy", "b*:name"], &["-copy", "name=yz"]),
        (&["RENAME", "b*:name", "elsewhere"], &["-name"]),
        (&["MOVE", "b*:k", "4"], &["-k"]),
        (&["MSET", "b*:m", "1", "bx:m", "2"], &["m=1"]),
        (&["UNLINK", "b*:m"], &["-m"]),
        (&["SET", "b*:t", "1", "PX", "30"], &["t=1", "~t"]),
        (&["SET", "b*:d", "1"], &["d=1"]),
        (&["GETDEL", "b*:d"], &["-d"]),
        (&["SETBIT", "b*:bit", "1", "1"], &["bit=@"]),
        (&["RPUSH", "b*:list", "1"], none),
    ];
    for (command, events) in cases {
        let command: Vec<&str> = ["-n", "3"].iter().chain(*command).copied().collect();
        redis.cli(&command).await.expect("it is a command");
        for expected in *events {
            assert_eq!(hear(&mut watch).await, *expected, "{command:?}");
        }
    }
    // Another database's key of that name is another key.
    redis.cli(&["SET", "b*:k", "other"]).await.unwrap();
    redis.cli(&["-n", "3", "SET", "b*:end", "1"]).await.unwrap();
    assert_eq!(hear(&mut watch).await, "end=1");
}

#[tokio::test]
async fn a_server_that_emits_nothing_is_configured_only_if_the_setting_says_so() {
    let redis = server().await;
    redis
        .cli(&["CONFIG", "SET", "notify-keyspace-events", "Elm"])
        .await
        .unwrap();
    let store = connect(&redis.url()).await;
    let silent = bucket(&store, "").await;
    let refused = silent.watch(Filter::All, Since::Now).await.unwrap_err();
    let text = refused.to_string();
    let port = redis.addr().port();
    let command = format!("redis-cli -h 127.0.0.1 -p {port} CONFIG SET notify-keyspace-events '");
    assert!(text.contains(&command), "{text}");
    let configuring = connect(&format!("{}?configure-notifications=true", redis.url())).await;
    let configuring = bucket(&configuring, "").await;
    let mut watch = watch(&configuring, key("k")).await;
    configuring
        .set("k", "v".into(), Set::default())
        .await
        .unwrap();
    assert_eq!(hear(&mut watch).await, "k=v");
    let flags = redis
        .cli(&["CONFIG", "GET", "notify-keyspace-events"])
        .await
        .unwrap();
    for flag in "ElmK$gxe".chars() {
        assert!(flags.contains(flag), "{flags}");
    }
}

/// As documented: servers emit no events for it.
#[tokio::test]
async fn emptying_or_swapping_a_database_is_no_event() {
    let redis = notifying_server().await;
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "").await;
    let mut watch = watch(&bucket, Filter::All).await;
    for command in [&["FLUSHDB"][..], &["FLUSHALL"], &["SWAPDB", "0", "1"]] {
        for key in ["a", "b"] {
            bucket.set(key, "v".into(), Set::default()).await.unwrap();
            assert_eq!(hear(&mut watch).await, format!("{key}=v"));
        }
        redis.command(command).await.unwrap();
        assert!(bucket.get("a").await.unwrap().is_none());
    }
    bucket.set("c", "v".into(), Set::default()).await.unwrap();
    assert_eq!(hear(&mut watch).await, "c=v");
}

#[tokio::test]
async fn without_a_watch_there_is_no_connection_and_no_subscription() {
    let redis = notifying_server().await;
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "").await;
    assert_eq!(subscribers(&redis).await, 0);
    let one = watch(&bucket, key("k")).await;
    let mut other = watch(&bucket, key("k")).await;
    let third = watch(&bucket, Filter::Prefix("p".into())).await;
    assert_eq!(subscribers(&redis).await, 1, "watches share a connection");
    drop((one, third));
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    assert_eq!(hear(&mut other).await, "k=v");
    drop(other);
    until("the connection is closed", || async {
        subscribers(&redis).await == 0
    })
    .await;
    let mut again = watch(&bucket, key("k")).await;
    bucket.set("k", "w".into(), Set::default()).await.unwrap();
    assert_eq!(hear(&mut again).await, "k=w");
}

#[tokio::test]
async fn watches_can_be_disabled_and_take_no_tokens() {
    let redis = notifying_server().await;
    let off = connect(&format!("{}?watch=false", redis.url())).await;
    let refused = bucket(&off, "").await.watch(Filter::All, Since::Now).await;
    assert!(matches!(refused, Err(Error::Unsupported(_))));
    let on = connect(&redis.url()).await;
    let token = Since::After("7".to_owned().into());
    let refused = bucket(&on, "").await.watch(Filter::All, token).await;
    assert!(matches!(refused, Err(Error::Invalid(Invalid::Token))));
}

#[tokio::test]
async fn a_write_is_one_event_however_many_filters_cover_it() {
    let redis = notifying_server().await;
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "").await;
    let filters = vec![
        key("a1"),
        Filter::Prefix("a".into()),
        Filter::Prefix("a1".into()),
        key("b"),
    ];
    let mut watch = watch(&bucket, Filter::AnyOf(filters)).await;
    for name in ["a1", "c", "b", "a2"] {
        bucket.set(name, "v".into(), Set::default()).await.unwrap();
    }
    for expected in ["a1=v", "b=v", "a2=v"] {
        assert_eq!(hear(&mut watch).await, expected);
    }
}

/// A watch of a hundred thousand sets receives or counts each of them.
#[tokio::test(flavor = "multi_thread")]
async fn each_of_a_hundred_thousand_sets_is_received_or_counted() {
    const SETS: u64 = 100_000;
    let redis = notifying_server().await;
    let store = connect(&format!("{}?prefix=", redis.url())).await;
    let bucket = bucket(&store, "").await;
    for random in [None, Some("1000"), Some("50000")] {
        let mut watch = watch(&bucket, Filter::Prefix("key:".into())).await;
        let sets = SETS.to_string();
        let mut arguments = vec!["-t", "set", "-n", &sets, "-c", "50", "-q", "-d", "8"];
        arguments.extend(random.iter().flat_map(|keys| ["-r", keys]));
        let mut received = 0;
        let benchmark = async {
            redis.benchmark(&arguments).await.expect("it runs");
            redis
                .cli(&["SET", "key:end", "1"])
                .await
                .expect("it answers");
        };
        let listening = async {
            let mut last: HashMap<String, String> = HashMap::new();
            while let Some(event) = watch.next().await {
                match event.expect("the watch goes on") {
                    Event::Set { key, .. } if key == "key:end" => break,
                    Event::Set { key, value, .. } => {
                        received += 1;
                        last.insert(key, String::from_utf8_lossy(&value).into_owned());
                    }
                    other => panic!("{other:?}"),
                }
            }
            last
        };
        let ((), last) = timeout(2 * PATIENCE, async { tokio::join!(benchmark, listening) })
            .await
            .expect("all is received in time");
        assert_eq!(received + watch.coalesced(), SETS, "{random:?}");
        for (key, value) in last.iter().take(100) {
            let left = bucket.get(key).await.unwrap().unwrap().value;
            assert_eq!(String::from_utf8_lossy(&left), *value, "{key}");
        }
        println!(
            "{random:?}: {received} received, {} coalesced",
            watch.coalesced()
        );
    }
}

#[tokio::test]
async fn an_unread_watch_counts_what_it_coalesces() {
    const SETS: u64 = 20_000;
    let redis = notifying_server().await;
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "").await;
    let mut unread = watch(&bucket, Filter::All).await;
    let mut read = watch(&bucket, key("end")).await;
    for round in 0..SETS / 100 {
        let names: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
        let value = round.to_string();
        let entries = names
            .iter()
            .map(|name| (name.as_str(), value.clone().into()));
        bucket.set_many(entries.collect()).await.unwrap();
    }
    bucket.set("end", "1".into(), Set::default()).await.unwrap();
    assert_eq!(hear(&mut read).await, "end=1");
    let mut received = 0;
    while hear(&mut unread).await != "end=1" {
        received += 1;
    }
    assert!(received < 3000, "{received}");
    assert_eq!(received + unread.coalesced(), SETS);
}

#[tokio::test]
async fn fifty_watches_do_not_disturb_one_another() {
    let redis = notifying_server().await;
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "").await;
    let mut watches = Vec::new();
    for n in 0..50 {
        watches.push(watch(&bucket, key(&format!("k{n}"))).await);
    }
    assert_eq!(subscribers(&redis).await, 1);
    for n in 0..50 {
        bucket
            .set(&format!("k{n}"), "v".into(), Set::default())
            .await
            .unwrap();
    }
    for (n, watch) in watches.iter_mut().enumerate() {
        assert_eq!(hear(watch).await, format!("k{n}=v"));
    }
}

#[tokio::test]
async fn a_watch_dropped_before_it_is_open_takes_nothing_from_the_next() {
    let redis = notifying_server().await;
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "b").await;
    // Keeps the connection.
    let _other = watch(&bucket, key("other")).await;
    for polls in (1..12).cycle().take(60) {
        let mut dropped = Some(bucket.watch(key("k"), Since::Now).fuse());
        let mut kept = pin!(watch(&bucket, key("k")));
        let mut polled = 0;
        let mut kept = poll_fn(|context| {
            // Both open at once, and one is dropped wherever it is by then.
            if let Some(opening) = &mut dropped {
                let _ = opening.poll_unpin(context);
            }
            let opened = kept.as_mut().poll(context);
            polled += 1;
            if polled == polls {
                dropped = None;
            }
            opened
        })
        .await;
        drop(dropped);
        redis.cli(&["SET", "b:k", "v"]).await.expect("it answers");
        let heard = timeout(PATIENCE, kept.next()).await;
        assert!(
            heard.is_ok(),
            "nothing is received: dropped after {polls} polls"
        );
    }
}

#[tokio::test]
async fn a_closed_store_ends_its_watches() {
    let redis = notifying_server().await;
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "").await;
    let mut watch = watch(&bucket, Filter::All).await;
    store.close().await.unwrap();
    let end = timeout(PATIENCE, watch.next()).await.expect("it ends");
    assert!(matches!(end, Some(Err(Error::Unavailable(_)))), "{end:?}");
    assert!(watch.next().await.is_none());
}
