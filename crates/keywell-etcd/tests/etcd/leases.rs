//! Leases: which keys have one, and that none is left behind.

use std::time::Duration;

use bytes::Bytes;
use keywell_servers::Etcd;
use keywell_store::{
    Action, Change, Error, Expected, Expires, Invalid, Set, Store as _, Swap, Transacted,
    Transaction,
};
use tokio::time::{Instant, interval};

use crate::place::{open, options, store};

const VALUE: Bytes = Bytes::from_static(b"v");
const HOUR: Set = Set {
    ttl: Some(Duration::from_hours(1)),
};

/// Waits until the server has so many leases.
async fn until_leases(server: &Etcd, count: usize) {
    let begun = Instant::now();
    let mut turns = interval(Duration::from_millis(20));
    loop {
        turns.tick().await;
        let listed = server.ctl(&["lease", "list"]).await.unwrap();
        // The first line says how many.
        let found = listed
            .lines()
            .skip(1)
            .filter(|line| !line.is_empty())
            .count();
        if found == count {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{listed}");
    }
}

#[tokio::test]
async fn a_lease_that_no_key_has_is_given_back() {
    let server = Etcd::start().await.unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    bucket.set("there", VALUE, Set::default()).await.unwrap();
    // A swap that is stale, and one of a key that is there already.
    let change = Change::Set(VALUE, HOUR);
    let stale = bucket.swap("there", Expected::At(1.into()), change.clone());
    assert_eq!(stale.await.unwrap(), Swap::Stale);
    let stale = bucket.swap("there", Expected::Absent, change.clone()).await;
    assert_eq!(stale.unwrap(), Swap::Stale);
    let mut transaction = Transaction::default();
    let action = Action::Change(change);
    transaction
        .check(&*bucket, "there", Expected::Absent)
        .unwrap();
    transaction
        .write(&*bucket, "there", action.clone())
        .unwrap();
    let stale = transaction.run(&store).await.unwrap();
    assert_eq!(stale, Transacted::Stale(0));
    let refused = bucket.increment_or_create("there", 1, HOUR).await;
    let is_refused = matches!(refused, Err(Error::Invalid(Invalid::NotANumber)));
    assert!(is_refused, "{refused:?}");
    until_leases(&server, 0).await;
    // One for each key, however often it is set, counted on and replaced.
    for key in ["set", "deleted", "batch", "swapped", "transacted"] {
        for _ in 0..3 {
            bucket.set(key, VALUE, HOUR).await.unwrap();
        }
    }
    for _ in 0..3 {
        bucket.increment_or_create("n", 1, HOUR).await.unwrap();
    }
    until_leases(&server, 6).await;
    bucket.delete("deleted").await.unwrap();
    bucket.set_many(vec![("batch", VALUE)]).await.unwrap();
    let version = bucket.get("swapped").await.unwrap().unwrap().version;
    let change = Change::Set(VALUE, Set::default());
    let swapped = bucket.swap("swapped", Expected::At(version), change).await;
    assert!(matches!(swapped.unwrap(), Swap::Done(Some(_))));
    let mut transaction = Transaction::default();
    transaction.write(&*bucket, "transacted", action).unwrap();
    transaction.run(&store).await.unwrap();
    until_leases(&server, 3).await;
    bucket
        .delete_many(&["set", "n", "transacted"])
        .await
        .unwrap();
    until_leases(&server, 0).await;
}

#[tokio::test]
async fn leases_of_other_clients_are_left_alone() {
    let server = Etcd::start().await.unwrap();
    let options = options(&server);
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let granted = server.ctl(&["lease", "grant", "3600"]).await.unwrap();
    let id = granted.split_whitespace().nth(1).unwrap();
    let name = format!("{}/b/k", options.prefix);
    let lease = format!("--lease={id}");
    server.ctl(&["put", &lease, &name, "v"]).await.unwrap();
    let read = bucket.get_with_expiry(&["k"], 100).await.unwrap();
    let expires = read[0].as_ref().unwrap().expires;
    assert!(matches!(expires, Expires::In(left) if left > Duration::from_mins(59)));
    bucket.set("k", VALUE, HOUR).await.unwrap();
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    until_leases(&server, 1).await;
    let listed = server.ctl(&["lease", "list"]).await.unwrap();
    assert!(listed.contains(id), "{listed}");
    store.close().await.unwrap();
}
