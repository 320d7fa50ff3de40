//! Transactions: one script, which happens in whole or not at all, and is never sent twice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use keywell_redis::RedisStore;
use keywell_servers::{Proxy, Redis, Towards};
use keywell_store::layer::{Grant, Granted};
use keywell_store::{
    Action, Bucket, BucketName, Change, Check, Error, Expected, Invalid, Result, Set, Store as _,
    Transacted, Transaction, Version, Write,
};

use crate::support::{bucket, connect, notifying_server, server, until};

const DELETE: Action = Action::Change(Change::Delete);

fn set(value: &'static str) -> Action {
    Action::Change(Change::Set(value.into(), Set::default()))
}

async fn transact(
    store: &RedisStore,
    bucket: &Arc<dyn Bucket>,
    writes: impl IntoIterator<Item = (&str, Action)>,
) -> Result<Transacted> {
    let mut transaction = Transaction::default();
    for (key, action) in writes {
        transaction.write(&**bucket, key, action)?;
    }
    transaction.run(store).await
}

async fn value(bucket: &Arc<dyn Bucket>, key: &str) -> Option<String> {
    let entry = bucket.get(key).await.unwrap()?;
    Some(String::from_utf8(entry.value.into()).unwrap())
}

#[tokio::test]
async fn sums_are_exact_in_all_of_their_range() {
    const HALF: i64 = 10_000_000_000;
    const HALVES: [i64; 7] = [0, HALF, -HALF, 1 << 53, -(1 << 53), i64::MAX, i64::MIN];
    let redis = server().await;
    for layout in ["plain", "journal"] {
        let store = connect(&format!("{}?layout={layout}", redis.url())).await;
        let bucket = bucket(&store, "").await;
        let near = |of: i64| [-7, -1, 0, 1, 10].map(|by| of.saturating_add(by));
        let numbers: BTreeSet<i64> = HALVES.into_iter().flat_map(near).collect();
        for old in &numbers {
            let text = old.to_string();
            let sums = numbers.iter().map(|delta| {
                let (store, bucket, text) = (&store, &bucket, text.clone());
                async move {
                    let key = format!("n{delta}");
                    bucket.set(&key, text.into(), Set::default()).await.unwrap();
                    let done = transact(store, bucket, [(&*key, Action::Increment(*delta))]).await;
                    let counter = match &done {
                        Ok(Transacted::Done(written)) => written[0].counter,
                        Err(Error::Invalid(Invalid::Overflow)) => None,
                        other => panic!("{old} + {delta}: {other:?}"),
                    };
                    assert_eq!(counter, old.checked_add(*delta), "{old} + {delta}");
                    let left = counter.unwrap_or(*old).to_string();
                    assert_eq!(value(bucket, &key).await, Some(left), "{old} + {delta}");
                }
            });
            join_all(sums).await;
        }
        for text in [
            "",
            "-",
            "+1",
            " 1",
            "1 ",
            "01",
            "-0",
            "1.0",
            "1e3",
            "0x1",
            "1\0",
            "1\n",
            "9223372036854775808",
            "-9223372036854775809",
            "12345678901234567890123",
        ] {
            bucket
                .set("text", text.into(), Set::default())
                .await
                .unwrap();
            let refused = transact(&store, &bucket, [("text", Action::Increment(1))]).await;
            let is_it = matches!(refused, Err(Error::Invalid(Invalid::NotANumber)));
            assert!(is_it, "{text:?}: {refused:?}");
            let alone = bucket.increment("text", 1).await;
            let is_it = matches!(alone, Err(Error::Invalid(Invalid::NotANumber)));
            assert!(is_it, "{text:?}: {alone:?}");
        }
    }
}

#[tokio::test]
async fn an_account_that_may_not_do_all_of_it_does_nothing_of_it() {
    let redis = server().await;
    let owner = connect(&redis.url()).await;
    let all = bucket(&owner, "").await;
    let all_writes = || {
        [
            ("set", set("new")),
            ("count", Action::Increment(1)),
            ("gone", DELETE),
        ]
    };
    for (number, grants) in [
        "~* +@all -del",
        "~* +@all -set",
        "~* +@all -get",
        "~default:set ~default:gone +@all",
        "~* +@all -del (+del ~default:other)",
        "~* +@all -set (+set ~default:set)",
        "%R~* %W~default:set +@all",
        "~* +@all -evalsha",
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("user{number}");
        let mut command = vec!["ACL", "SETUSER", &user, "on", ">p", "&*"];
        let (grants, selector) = match grants.split_once(" (") {
            Some((grants, selector)) => (grants, Some(format!("({selector}"))),
            None => (grants, None),
        };
        command.extend(grants.split(' '));
        command.extend(selector.as_deref());
        redis.command(&command).await.unwrap();
        for key in ["set", "gone"] {
            all.set(key, "old".into(), Set::default()).await.unwrap();
        }
        all.set("count", "1".into(), Set::default()).await.unwrap();
        let url = redis
            .url()
            .replace("redis://", &format!("redis://{user}:p@"));
        let store = connect(&url).await;
        let mine = bucket(&store, "").await;
        let mut writes = all_writes();
        for _ in 0..writes.len() {
            writes.rotate_left(1);
            let denied = transact(&store, &mine, writes.clone()).await;
            assert!(
                matches!(denied, Err(Error::AccessDenied(_))),
                "{grants}: {denied:?}"
            );
            assert_eq!(value(&all, "set").await.as_deref(), Some("old"), "{grants}");
            assert_eq!(value(&all, "count").await.as_deref(), Some("1"), "{grants}");
            assert_eq!(
                value(&all, "gone").await.as_deref(),
                Some("old"),
                "{grants}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_without_memory_does_nothing_of_it() {
    let redis = server().await;
    for layout in ["plain", "journal"] {
        let store = connect(&format!("{}?layout={layout}", redis.url())).await;
        let bucket = bucket(&store, "").await;
        bucket
            .set("gone", "old".into(), Set::default())
            .await
            .unwrap();
        redis
            .cli(&["CONFIG", "SET", "maxmemory", "1"])
            .await
            .unwrap();
        let refused = transact(&store, &bucket, [("set", set("new")), ("gone", DELETE)]).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        redis
            .cli(&["CONFIG", "SET", "maxmemory", "0"])
            .await
            .unwrap();
        assert_eq!(value(&bucket, "set").await, None);
        assert_eq!(value(&bucket, "gone").await.as_deref(), Some("old"));
    }
}

#[tokio::test]
async fn what_another_program_keeps_there_is_set_and_deleted_but_not_counted_on() {
    let redis = server().await;
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "").await;
    for list in ["default:a", "default:b", "default:c"] {
        redis.cli(&["RPUSH", list, "x"]).await.unwrap();
    }
    let refused = [("a", set("v")), ("b", DELETE), ("c", Action::Increment(1))];
    let refused = transact(&store, &bucket, refused).await;
    assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
    let kind = redis.cli(&["TYPE", "default:a"]).await.unwrap();
    assert_eq!(kind.trim(), "list");
    let mut transaction = Transaction::default();
    transaction.check(&*bucket, "a", Expected::Absent).unwrap();
    transaction.write(&*bucket, "d", set("v")).unwrap();
    assert_eq!(transaction.run(&store).await.unwrap(), Transacted::Stale(0));
    transact(&store, &bucket, [("a", set("v")), ("b", DELETE)])
        .await
        .unwrap();
    assert_eq!(value(&bucket, "a").await.as_deref(), Some("v"));
    assert!(!bucket.exists("b").await.unwrap());
}

#[tokio::test]
async fn a_version_of_another_store_stands_nowhere() {
    let redis = server().await;
    for layout in ["plain", "journal"] {
        let store = connect(&format!("{}?layout={layout}", redis.url())).await;
        let bucket = bucket(&store, "").await;
        bucket.set("k", "7".into(), Set::default()).await.unwrap();
        let mut transaction = Transaction::default();
        let current = bucket.get("k").await.unwrap();
        transaction
            .check(&*bucket, "k", current.as_ref().into())
            .unwrap();
        let foreign = Expected::At(Version::from(7));
        transaction.check(&*bucket, "k", foreign).unwrap();
        assert_eq!(transaction.run(&store).await.unwrap(), Transacted::Stale(1));
    }
}

#[tokio::test]
async fn a_server_that_forgets_the_script_is_sent_it_again() {
    let redis = server().await;
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "").await;
    for _ in 0..3 {
        redis.cli(&["SCRIPT", "FLUSH"]).await.unwrap();
        transact(&store, &bucket, [("n", Action::Increment(1))])
            .await
            .unwrap();
    }
    assert_eq!(value(&bucket, "n").await.as_deref(), Some("3"));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_ambiguous_and_nothing_is_sent_again() {
    let redis = server().await;
    for layout in ["plain", "journal"] {
        let url = format!("{}?layout={layout}&answer-timeout=300ms", redis.url());
        let store = connect(&url).await;
        let bucket = bucket(&store, "").await;
        let both = || [("a", Action::Increment(1)), ("b", Action::Increment(1))];
        transact(&store, &bucket, both()).await.unwrap();
        redis.freeze().unwrap();
        let silent = transact(&store, &bucket, both()).await;
        assert!(matches!(silent, Err(Error::Ambiguous(_))), "{silent:?}");
        let refused = transact(&store, &bucket, both()).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        redis.thaw().unwrap();
        until("it is back", || async { bucket.get("a").await.is_ok() }).await;
        assert_eq!(value(&bucket, "a").await.as_deref(), Some("2"), "sent once");
        assert_eq!(value(&bucket, "b").await.as_deref(), Some("2"), "sent once");
    }
}

/// However connections break, both counters of a transaction are the same, and count each that was
/// acknowledged and none that was refused.
#[tokio::test(flavor = "multi_thread")]
async fn it_happens_in_whole_and_once_however_connections_break() {
    const TASKS: usize = 16;
    const ROUNDS: usize = 60;
    let redis: Redis = notifying_server().await;
    let proxy = Proxy::to(redis.addr()).await.expect("it listens");
    let url = format!("redis://{}?reconnect-max-delay=20ms", proxy.addr());
    let store = connect(&url).await;
    let bucket = bucket(&store, "").await;
    let (mut acknowledged, mut ambiguous) = (0_i64, 0_i64);
    for round in 0..ROUNDS {
        match round % 3 {
            0 => proxy.cut_after_commands(Towards::Server, 5),
            1 => proxy.cut_after_bytes(Towards::Client, 17),
            _ => {}
        }
        let both = || [("a", Action::Increment(1)), ("b", Action::Increment(1))];
        let running = (0..TASKS).map(|_| transact(&store, &bucket, both()));
        for outcome in join_all(running).await {
            match outcome {
                Ok(_) => acknowledged += 1,
                Err(Error::Ambiguous(_)) => ambiguous += 1,
                Err(Error::Unavailable(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
        until("it is back", || async { bucket.get("x").await.is_ok() }).await;
    }
    let counted = value(&bucket, "a").await.unwrap();
    assert_eq!(value(&bucket, "b").await.as_ref(), Some(&counted));
    let counted: i64 = counted.parse().unwrap();
    println!("{acknowledged} acknowledged, {ambiguous} ambiguous: {counted}");
    assert!(acknowledged <= counted && counted <= acknowledged + ambiguous);
    assert!(acknowledged > 0 && ambiguous > 0);
}

#[tokio::test]
async fn reserved_keys_of_the_flat_layout_are_in_no_transaction_of_the_default_bucket() {
    let redis = server().await;
    for prefix in ["", "app:"] {
        let store = connect(&format!("{}?layout=flat&prefix={prefix}", redis.url())).await;
        let own = bucket(&store, "keywell-triggers").await;
        own.set("k", "own".into(), Set::default()).await.unwrap();
        let all = bucket(&store, "").await;
        let mut transaction = Transaction::default();
        for (prefix, key) in [
            ("", "keywell-triggers:flat:k"),
            ("keywell-triggers:flat:", "k"),
            ("keywell-", "deadletters:flat:k"),
        ] {
            let prefix = prefix.to_owned();
            let grant = Grant {
                prefix,
                ..Grant::default()
            };
            let granted = Granted::new(all.clone(), grant);
            let checked = transaction.check(&granted, key, Expected::Absent);
            assert!(
                matches!(checked, Err(Error::AccessDenied(_))),
                "{checked:?}"
            );
            for action in [set("v"), DELETE, Action::Increment(1)] {
                let written = transaction.write(&granted, key, action);
                assert!(
                    matches!(written, Err(Error::AccessDenied(_))),
                    "{written:?}"
                );
            }
        }
        // A call that passes by the buckets.
        let key = "keywell-triggers:flat:k".to_owned();
        let write = Write {
            bucket: BucketName::default(),
            key: key.clone(),
            action: set("v"),
        };
        let denied = store.transact(Vec::new(), vec![write.clone()]).await;
        assert!(matches!(denied, Err(Error::AccessDenied(_))), "{denied:?}");
        let check = Check {
            bucket: BucketName::default(),
            key,
            expected: Expected::Absent,
        };
        let denied = store.transact(vec![check], Vec::new()).await;
        assert!(matches!(denied, Err(Error::AccessDenied(_))), "{denied:?}");
        let other = Write {
            bucket: BucketName::parse("other").unwrap(),
            ..write
        };
        let unknown = store.transact(Vec::new(), vec![other]).await;
        assert!(
            matches!(unknown, Err(Error::NoSuchBucket(_))),
            "{unknown:?}"
        );
        assert_eq!(value(&own, "k").await.as_deref(), Some("own"));
        // The reserved bucket itself has transactions, together with the default one.
        transaction.write(&*own, "k", set("new")).unwrap();
        transaction.write(&*all, "k", set("new")).unwrap();
        transaction.run(&store).await.unwrap();
        assert_eq!(value(&own, "k").await.as_deref(), Some("new"));
        let name = format!("{prefix}keywell-triggers:flat:k");
        let raw = redis.cli(&["GET", &name]).await.unwrap();
        assert_eq!(raw.trim(), "new");
    }
}

#[tokio::test]
async fn an_empty_transaction_does_nothing() {
    let redis = server().await;
    for layout in ["plain", "flat", "journal"] {
        let store = connect(&format!("{}?layout={layout}", redis.url())).await;
        let done = Transaction::default().run(&store).await;
        assert_eq!(done.unwrap(), Transacted::Done(Vec::new()));
        store.close().await.unwrap();
        let closed = Transaction::default().run(&store).await;
        assert!(matches!(closed, Err(Error::Unavailable(_))), "{closed:?}");
    }
}
