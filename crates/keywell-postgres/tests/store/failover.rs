//! A replica becomes the primary, and a server loses the end of its log.

use keywell_servers::{Databases, Postgres, PostgresBuilder};
use keywell_store::{Filter, Set, Since, Version};

use crate::support::{bucket, connect, eventually, next, next_events, set};

/// The URL of a database on the first of these servers that is the primary.
fn url_of(servers: [&Postgres; 2], database: &str) -> String {
    let (user, password) = (Databases::USER, Databases::PASSWORD);
    let [a, b] = servers.map(|server| server.addr());
    format!("postgres://{user}:{password}@{a},{b}/{database}?answer-timeout=1s")
}

#[tokio::test]
async fn writes_and_watches_go_on_after_a_failover_and_miss_nothing() {
    let primary = Postgres::start().await.unwrap();
    let database = primary.database().unwrap();
    let replica = primary.replica().await.unwrap();
    // An acknowledged write is on both.
    for sql in [
        "ALTER SYSTEM SET synchronous_standby_names = '*'",
        "SELECT pg_reload_conf()",
    ] {
        primary.sql("postgres", sql).unwrap();
    }
    // The replica comes first, and refuses until it is the primary.
    let url = url_of([&replica, &primary], &database);
    let store = connect(&url).await.unwrap();
    let b = bucket(&store, "b").await;
    let mut watch = b.watch(Filter::All, Since::Now).await.unwrap();
    for number in 0..3 {
        set(&b, "k", &number.to_string()).await.unwrap();
    }
    assert_eq!(next_events(&mut watch, 1).await, ["k=0"]);
    primary.kill().await.unwrap();
    replica.promote().unwrap();
    eventually(async || set(&b, "k", "after").await).await;
    assert_eq!(next_events(&mut watch, 3).await, ["k=1", "k=2", "k=after"]);
}

/// The new primary gives the numbers of transactions that it never saw to other ones.
#[tokio::test]
async fn a_failover_that_loses_writes_hides_none_that_follow_and_repeats_no_version() {
    let primary = Postgres::start().await.unwrap();
    let database = primary.database().unwrap();
    let replica = primary.replica().await.unwrap();
    let url = url_of([&primary, &replica], &database);
    let store = connect(&url).await.unwrap();
    let b = bucket(&store, "b").await;
    set(&b, "k", "kept").await.unwrap();
    replica.follows(&primary).await.unwrap();
    let mut watch = b.watch(Filter::All, Since::Now).await.unwrap();
    replica.freeze().await.unwrap();
    let mut lost = Vec::new();
    for _ in 0..50 {
        lost.push(b.set("k", "lost".into(), Set::default()).await.unwrap());
    }
    let mut token = None;
    for _ in 0..50 {
        token = next(&mut watch).await.unwrap().token().cloned();
    }
    primary.kill().await.unwrap();
    replica.thaw().unwrap();
    replica.promote().unwrap();
    let mut expected = Vec::new();
    for number in 0..20 {
        let value = number.to_string();
        let version = eventually(async || {
            let value = value.clone().into();
            b.set("k", value, Set::default()).await
        });
        let version = version.await;
        assert!(!lost.contains(&version), "{version:?} is used again");
        expected.push(format!("k={number}"));
    }
    assert_eq!(next_events(&mut watch, 20).await, expected);
    let since = Since::After(token.unwrap());
    let mut resumed = b.watch(Filter::All, since).await.unwrap();
    assert_eq!(next_events(&mut resumed, 20).await, expected);
}

/// It had acknowledged what was not on its disk yet.
#[tokio::test]
async fn a_crash_that_loses_writes_hides_none_that_follow_and_repeats_no_version() {
    let server = PostgresBuilder::default()
        .setting("synchronous_commit=off")
        .setting("wal_writer_delay=10s");
    let server = server.start().await.unwrap();
    let url = server.url(&server.database().unwrap());
    let store = connect(&url).await.unwrap();
    let b = bucket(&store, "b").await;
    let mut watch = b.watch(Filter::All, Since::Now).await.unwrap();
    let mut seen: Vec<Version> = Vec::new();
    // Until a crash loses something; the server may just have written all of it.
    let mut crashes = 0..10;
    loop {
        let crash = crashes.next().expect("one of ten crashes loses a write");
        let last = format!("{crash}.4");
        for number in 0..5 {
            let value = format!("{crash}.{number}").into();
            seen.push(b.set("k", value, Set::default()).await.unwrap());
        }
        next_events(&mut watch, 5).await;
        server.kill().await.unwrap();
        server.restart().await.unwrap();
        let kept = eventually(async || b.get("k").await).await;
        if kept.is_none_or(|kept| kept.value != last) {
            break;
        }
    }
    let mut expected = Vec::new();
    for number in 0..20 {
        let value = number.to_string();
        let version = eventually(async || {
            let value = value.clone().into();
            b.set("k", value, Set::default()).await
        });
        let version = version.await;
        assert!(!seen.contains(&version), "{version:?} is used again");
        expected.push(format!("k={number}"));
    }
    assert_eq!(next_events(&mut watch, 20).await, expected);
}
