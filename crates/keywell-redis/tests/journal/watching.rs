//! Watches, their reader and its connection.

use std::time::Duration;

use futures::future::join_all;
use keywell_servers::Redis;
use keywell_store::{Error, Filter, Invalid, Since, Watching};
use tokio::time::timeout;

use crate::support::{
    ask, ask_number, bucket, calls, ended, named, next, open, orders, received, received_many,
    recovered, set, set_for, short, silent, until, watch,
};

async fn clients(redis: &Redis) -> usize {
    ask(redis, &["CLIENT", "LIST", "TYPE", "normal"])
        .await
        .lines()
        .count()
}

async fn clients_are(redis: &Redis, expected: usize) {
    until("as many connections as there should be", || async {
        match clients(redis).await {
            count if count == expected => Ok(()),
            count => Err(Box::new(format!("{count}, not {expected}")) as _),
        }
    })
    .await;
}

/// All watches of a bucket share one reader, which ends with the last of them.
#[tokio::test]
async fn a_watched_bucket_has_one_connection_more() {
    let (redis, bucket) = orders("").await;
    set(&bucket, "k", "v").await;
    let before = clients(&redis).await;
    let mut watches = Vec::new();
    for _ in 0..20 {
        watches.push(watch(&bucket).await);
    }
    clients_are(&redis, before + 1).await;
    let last = watches.pop();
    drop(watches);
    set(&bucket, "k", "w").await;
    let mut last = last.unwrap();
    assert_eq!(received(&mut last).await, "k=w");
    clients_are(&redis, before + 1).await;
    drop(last);
    clients_are(&redis, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_buckets_are_watched_at_once() {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis, "").await;
    let each = (0..50).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let bucket = named(&store, &format!("b{n}")).await;
            let mut watching = watch(&bucket).await;
            for round in 0..20 {
                let value = format!("{n}.{round}");
                set(&bucket, "k", value.as_str()).await;
                assert_eq!(received(&mut watching).await, format!("k={value}"));
                // Others come and go.
                drop(watch(&bucket).await);
            }
        })
    });
    for task in join_all(each).await {
        task.unwrap();
    }
}

#[tokio::test]
async fn a_watch_of_an_idle_bucket_sends_no_command() {
    let (redis, bucket) = orders("").await;
    set_for(&bucket, "k", "v", Duration::from_hours(1)).await;
    let mut watching = watch(&bucket).await;
    set(&bucket, "k", "w").await;
    assert_eq!(received(&mut watching).await, "k=w");
    set_for(&bucket, "later", "v", Duration::from_hours(1)).await;
    assert_eq!(received(&mut watching).await, "later=v");
    silent(&mut watching).await;
    let before = calls(&redis).await;
    // The server itself is the clock.
    ask(&redis, &["BLPOP", "nothing", "4"]).await;
    let after = calls(&redis).await;
    for command in ["EVALSHA", "EVAL", "XREAD", "XRANGE", "PING"] {
        assert_eq!(after.get(command), before.get(command), "{command}");
    }
}

#[tokio::test]
async fn a_watch_goes_on_after_its_connection_was_cut() {
    let (redis, bucket) = orders("").await;
    let mut watching = watch(&bucket).await;
    let mut expected = Vec::new();
    for round in 0..10 {
        set(&bucket, "k", format!("{round}.0")).await;
        // Of this and any other kind of connection.
        ask(&redis, &["CLIENT", "KILL", "TYPE", "normal"]).await;
        recovered(&bucket).await;
        set(&bucket, "k", format!("{round}.1")).await;
        expected.extend([format!("k={round}.0"), format!("k={round}.1")]);
        if round % 2 == 1 {
            let received = received_many(&mut watching, 4).await;
            assert_eq!(received, expected);
            expected.clear();
        }
    }
    silent(&mut watching).await;
}

/// A durable server is killed and restarted, while one watch is near the end and another far behind.
#[tokio::test]
async fn watches_go_on_after_the_server_was_killed() {
    let redis = Redis::builder().append_only(true).start().await.unwrap();
    let bucket = bucket(&open(&redis, "").await).await;
    let (mut near, mut far) = (watch(&bucket).await, watch(&bucket).await);
    let mut expected = Vec::new();
    for n in 0..900 {
        set(&bucket, "k", n.to_string()).await;
        expected.push(format!("k={n}"));
        if n < 300 {
            assert_eq!(received(&mut near).await, format!("k={n}"));
        }
    }
    assert_eq!(received(&mut far).await, "k=0");
    redis.kill().await.unwrap();
    // While it is down, a watch waits: behind the events it has, it neither ends nor fails.
    let mut rest = Vec::new();
    while let Ok(event) = timeout(Duration::from_millis(200), received(&mut near)).await {
        rest.push(event);
    }
    redis.restart().await.unwrap();
    rest.extend(received_many(&mut near, 600 - rest.len()).await);
    assert_eq!(rest, expected[300..]);
    recovered(&bucket).await;
    set(&bucket, "k", "end").await;
    expected.push("k=end".to_owned());
    assert_eq!(received(&mut near).await, "k=end");
    assert_eq!(received_many(&mut far, 900).await, expected[1..]);
}

#[tokio::test]
async fn a_watch_survives_a_server_that_is_silent_for_a_while() {
    let (redis, bucket) = orders("&answer-timeout=200ms").await;
    let mut watching = watch(&bucket).await;
    set_for(&bucket, "k", "v", Duration::from_millis(300)).await;
    assert_eq!(received(&mut watching).await, "k=v");
    redis.freeze().unwrap();
    // Long enough for the key to expire, and for the reader to drop the connection.
    assert!(
        timeout(Duration::from_secs(2), received(&mut watching))
            .await
            .is_err()
    );
    redis.thaw().unwrap();
    assert_eq!(received(&mut watching).await, "~k");
    recovered(&bucket).await;
    set(&bucket, "k", "w").await;
    assert_eq!(received(&mut watching).await, "k=w");
}

#[tokio::test]
async fn closing_a_store_ends_its_watches() {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis, "").await;
    let bucket = bucket(&store).await;
    let mut watching = watch(&bucket).await;
    store.close().await.unwrap();
    let error = ended(&mut watching).await;
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    let refused = bucket.watch(Filter::All, Since::Now).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    clients_are(&redis, 1).await;
}

#[tokio::test]
async fn a_watch_of_several_filters_receives_each_write_once() {
    let (_redis, bucket) = orders("").await;
    let several = vec![
        Filter::Key("a".into()),
        Filter::Prefix("a".into()),
        Filter::Prefix("b/".into()),
    ];
    let filter = Filter::AnyOf(several);
    let mut watching = bucket.watch(filter, Since::Now).await.unwrap();
    let none = Filter::AnyOf(Vec::new());
    let mut nothing = bucket.watch(none, Since::Now).await.unwrap();
    for key in ["a", "b", "b/1", "aa", "c"] {
        set(&bucket, key, "v").await;
    }
    let all = received_many(&mut watching, 3).await;
    assert_eq!(all, ["a=v", "b/1=v", "aa=v"]);
    silent(&mut watching).await;
    silent(&mut nothing).await;
}

/// Large values are read in bounded parts.
#[tokio::test]
async fn a_late_watch_reads_large_values_one_by_one() {
    let (redis, bucket) = orders("").await;
    let mut late = watch(&bucket).await;
    let large = "v".repeat(4 << 20);
    for n in 0..12 {
        set(&bucket, &format!("k{n}"), large.as_str()).await;
    }
    for n in 0..12 {
        let event = received(&mut late).await;
        assert!(event.starts_with(&format!("k{n}=")) && event.len() > large.len());
    }
    assert_eq!(
        ask_number(&redis, &["XLEN", ":keywell:{orders}:stream"]).await,
        12
    );
}

/// What Keywell stores takes little room in Redis, and is watched without tokens.
#[tokio::test]
async fn a_bucket_of_keywell_itself_keeps_what_its_live_watches_need() {
    let redis = Redis::start().await.unwrap();
    let own = named(&open(&redis, "").await, "keywell-triggers").await;
    assert_eq!(own.capabilities().watch, Watching::Lossy);
    let mut lagging = watch(&own).await;
    let mut live = watch(&own).await;
    assert_eq!(live.start(), None);
    let large = "v".repeat(100_000);
    for n in 0..100 {
        set(&own, "k", format!("{n}{large}")).await;
        assert!(received(&mut live).await.starts_with(&format!("k={n}v")));
    }
    let stream = ":keywell:{keywell-triggers}:stream";
    assert!(ask_number(&redis, &["XLEN", stream]).await <= 10);
    assert_eq!(received(&mut lagging).await, "gap");
    own.delete("k").await.unwrap();
    for watching in [&mut live, &mut lagging] {
        let event = next(watching).await;
        assert_eq!((short(&event), event.token()), ("-k".into(), None));
        silent(watching).await;
    }
    let before = calls(&redis).await;
    // The server itself is the clock.
    ask(&redis, &["BLPOP", "nothing", "2"]).await;
    let after = calls(&redis).await;
    for command in ["EVALSHA", "EVAL", "XREAD", "XRANGE", "PING"] {
        assert_eq!(after.get(command), before.get(command), "{command}");
    }
    let user = watch(&named(&open(&redis, "").await, "user").await).await;
    let since = Since::After(user.start().unwrap().clone());
    let refused = own.watch(Filter::All, since).await;
    assert!(matches!(refused, Err(Error::Invalid(Invalid::Token))));
}
