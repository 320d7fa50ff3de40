//! Watches: what is delivered of transactions, deletions and the ends of leases, and after what.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_servers::Etcd;
use keywell_store::{
    Action, Change, Error, Event, Filter, Invalid, Set, Since, Transaction, Watch,
};
use tokio::time::timeout;

use crate::place::{open, options, server, store};

const VALUE: Bytes = Bytes::from_static(b"v");

async fn next(watch: &mut Watch) -> Event {
    let next = timeout(Duration::from_secs(30), watch.next()).await;
    next.expect("an event comes").unwrap().unwrap()
}

fn shown(event: &Event) -> String {
    match event {
        Event::Set { key, .. } => format!("set {key}"),
        Event::Delete { key, expired, .. } if *expired => format!("expired {key}"),
        Event::Delete { key, .. } => format!("deleted {key}"),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn an_end_of_a_lease_and_a_deletion_are_told_apart() {
    let server = server().await;
    let options = options(server);
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let filters = [Filter::All, Filter::Prefix("k".into())];
    let mut watches = Vec::new();
    for filter in filters {
        watches.push(bucket.watch(filter, Since::Now).await.unwrap());
    }
    let second = Set::expiring(Duration::from_secs(1)).unwrap();
    let hour = Set::expiring(Duration::from_hours(1)).unwrap();
    bucket.set("k-deleted", VALUE, hour).await.unwrap();
    bucket.delete("k-deleted").await.unwrap();
    bucket.set("k-batch", VALUE, hour).await.unwrap();
    bucket.delete_many(&["k-batch"]).await.unwrap();
    bucket.set("k-other", VALUE, Set::default()).await.unwrap();
    let name = format!("{}/b/k-other", options.prefix);
    server.ctl(&["del", &name]).await.unwrap();
    bucket.set("k-expires", VALUE, second).await.unwrap();
    for watch in &mut watches {
        for expected in [
            "set k-deleted",
            "deleted k-deleted",
            "set k-batch",
            "deleted k-batch",
            "set k-other",
            "deleted k-other",
            "set k-expires",
            "expired k-expires",
        ] {
            assert_eq!(shown(&next(watch).await), expected);
        }
    }
}

#[tokio::test]
async fn a_watch_resumes_in_the_midst_of_a_transaction() {
    let store = store(&options(server().await)).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let hour = Set::expiring(Duration::from_hours(1)).unwrap();
    bucket.set("gone", VALUE, hour).await.unwrap();
    let mut transaction = Transaction::default();
    for key in ["a", "b", "c"] {
        let change = Change::Set(VALUE, Set::default());
        transaction
            .write(&*bucket, key, Action::Change(change))
            .unwrap();
    }
    transaction
        .write(&*bucket, "gone", Action::Change(Change::Delete))
        .unwrap();
    transaction.run(&store).await.unwrap();
    bucket.set("last", VALUE, Set::default()).await.unwrap();
    let expected = [
        "set gone",
        "set a",
        "set b",
        "set c",
        "deleted gone",
        "set last",
    ];
    let mut tokens = vec![watch.start().cloned().unwrap()];
    for expected in expected {
        let event = next(&mut watch).await;
        assert_eq!(shown(&event), expected);
        tokens.push(event.token().cloned().unwrap());
    }
    for (at, token) in tokens.into_iter().enumerate() {
        let since = Since::After(token);
        let mut resumed = bucket.watch(Filter::All, since).await.unwrap();
        for expected in &expected[at..] {
            assert_eq!(shown(&next(&mut resumed).await), *expected, "from {at}");
        }
    }
}

#[tokio::test]
async fn what_was_compacted_cannot_be_resumed_from() {
    let server = Etcd::start().await.unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let old = watch.start().cloned().unwrap();
    let mut tokens = Vec::new();
    let mut watch = watch;
    for change in 0..4 {
        if change % 2 == 0 {
            bucket.set("k", VALUE, Set::default()).await.unwrap();
        } else {
            bucket.delete("k").await.unwrap();
        }
        tokens.push(next(&mut watch).await.token().cloned().unwrap());
    }
    let version = bucket.set("k", VALUE, Set::default()).await.unwrap();
    let revision = version.as_u64().unwrap();
    // The last deletion, which leaves nothing once etcd is compacted to it.
    let compacted = (revision - 1).to_string();
    server.ctl(&["compact", &compacted]).await.unwrap();
    for token in [&old, &tokens[0], &tokens[2]] {
        let resumed = bucket.watch(Filter::All, Since::After(token.clone())).await;
        let is_compacted = matches!(resumed, Err(Error::Invalid(Invalid::Compacted)));
        assert!(is_compacted, "{resumed:?}");
    }
    let since = Since::After(tokens[3].clone());
    let mut resumed = bucket.watch(Filter::All, since).await.unwrap();
    assert_eq!(shown(&next(&mut resumed).await), "set k");
}

/// Its reader is not polled while etcd is restarted and compacted.
#[tokio::test]
async fn a_watch_that_falls_behind_the_history_ends_as_compacted() {
    let server = Etcd::start().await.unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    assert_eq!(shown(&next(&mut watch).await), "set k");
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    for _ in 0..3 {
        let name = "elsewhere";
        server.ctl(&["put", name, "v"]).await.unwrap();
    }
    let status = server
        .ctl(&["get", "elsewhere", "-w", "fields"])
        .await
        .unwrap();
    let revision = status
        .lines()
        .find_map(|line| line.strip_prefix("\"Revision\" : "))
        .unwrap();
    server.ctl(&["compact", revision]).await.unwrap();
    let ended = timeout(Duration::from_secs(30), watch.next())
        .await
        .unwrap();
    let is_compacted = matches!(ended, Some(Err(Error::Invalid(Invalid::Compacted))));
    assert!(is_compacted, "{ended:?}");
}

#[tokio::test]
async fn tokens_of_another_bucket_or_cluster_are_refused() {
    let one = store(&options(server().await)).await;
    let other = Etcd::start().await.unwrap();
    let mut elsewhere = options(&other);
    "shared".clone_into(&mut elsewhere.prefix);
    let two = store(&elsewhere).await;
    let bucket = open(&one, "b").await;
    let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let token = watch.start().cloned().unwrap();
    for bucket in [open(&one, "c").await, open(&two, "b").await] {
        let refused = bucket.watch(Filter::All, Since::After(token.clone())).await;
        let is_refused = matches!(refused, Err(Error::Invalid(Invalid::Token)));
        assert!(is_refused, "{refused:?}");
    }
}
