//! Watches: what is delivered of deletions, the ends of times to live and restarts, and after what.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_servers::Cosmos;
use keywell_store::{
    Action, Change, Error, Event, Expected, Filter, Invalid, ResumeToken, Set, Since, Store as _,
    Swap, Transacted, Transaction, Watch,
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

async fn expect(watch: &mut Watch, expected: &[&str]) {
    for expected in expected {
        assert_eq!(shown(&next(watch).await), *expected);
    }
}

#[tokio::test]
async fn a_deletion_is_delivered_and_what_was_absent_is_not_deleted() {
    let store = store(&options(server())).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    bucket.delete("none").await.unwrap();
    bucket.delete_many(&["none", "neither"]).await.unwrap();
    let swapped = bucket.swap("none", Expected::Absent, Change::Delete).await;
    swapped.unwrap();
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    expect(&mut watch, &["set k"]).await;
    bucket.delete("k").await.unwrap();
    expect(&mut watch, &["deleted k"]).await;
    let mut transaction = Transaction::default();
    let gone = || Action::Change(Change::Delete);
    transaction.write(&*bucket, "k", gone()).unwrap();
    transaction.write(&*bucket, "never", gone()).unwrap();
    let change = Change::Set(VALUE, Set::default());
    transaction
        .write(&*bucket, "new", Action::Change(change))
        .unwrap();
    let done = transaction.run(&store).await.unwrap();
    let Transacted::Done(written) = done else {
        panic!("{done:?}")
    };
    assert!(!written[0].has_changed, "it was deleted already");
    assert!(!written[1].has_changed, "it never was");
    expect(&mut watch, &["set new"]).await;
    // The key counts as absent, and is one as any other afterwards.
    let swap = Change::Set(VALUE, Set::default());
    let swapped = bucket.swap("never", Expected::Absent, swap).await.unwrap();
    assert!(matches!(swapped, Swap::Done(_)), "{swapped:?}");
    expect(&mut watch, &["set never"]).await;
    bucket.delete("never").await.unwrap();
    expect(&mut watch, &["deleted never"]).await;
}

#[tokio::test]
async fn a_watch_resumes_and_delivers_the_last_state() {
    let options = options(server());
    let token = {
        let store = store(&options).await;
        let bucket = open(&store, "b").await;
        let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
        bucket.set("a", VALUE, Set::default()).await.unwrap();
        let event = next(&mut watch).await;
        bucket.set("b", VALUE, Set::default()).await.unwrap();
        bucket.set("a", "new".into(), Set::default()).await.unwrap();
        bucket.delete("b").await.unwrap();
        event.token().cloned().unwrap()
    };
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let since = Since::After(token.clone());
    let mut watch = bucket.watch(Filter::All, since).await.unwrap();
    expect(&mut watch, &["set a", "deleted b"]).await;
    let other = open(&store, "other").await;
    for (bucket, token) in [
        (&other, token),
        (&bucket, ResumeToken::from("forged".to_owned())),
    ] {
        let refused = bucket.watch(Filter::All, Since::After(token)).await;
        assert!(matches!(refused, Err(Error::Invalid(Invalid::Token))));
    }
}

#[tokio::test]
async fn a_token_older_than_the_tombstones_is_refused() {
    let mut options = options(server());
    let store_of_long = store(&options).await;
    let bucket = open(&store_of_long, "b").await;
    let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let old = watch.start().cloned().unwrap();
    options.tombstones = Duration::ZERO;
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let refused = bucket.watch(Filter::All, Since::After(old)).await;
    let refused = refused.map(drop);
    assert!(matches!(refused, Err(Error::Invalid(Invalid::Compacted))));
}

#[tokio::test]
async fn watches_go_on_over_an_outage_and_end_with_the_store() {
    let server = Cosmos::start().unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    bucket.set("a", VALUE, Set::default()).await.unwrap();
    expect(&mut watch, &["set a"]).await;
    server.kill();
    let waiting = tokio::spawn(async move {
        let event = next(&mut watch).await;
        (event, watch)
    });
    let refused = bucket.set("b", VALUE, Set::default()).await;
    assert!(refused.is_err());
    server.restart().unwrap();
    let writes = async {
        while bucket.set("b", VALUE, Set::default()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let written = timeout(Duration::from_secs(30), writes).await;
    written.expect("it recovers");
    let (event, mut watch) = waiting.await.unwrap();
    assert_eq!(shown(&event), "set b");
    store.close().await.unwrap();
    let ended = timeout(Duration::from_secs(30), watch.next())
        .await
        .unwrap();
    assert!(matches!(ended, Some(Err(Error::Unavailable(_)))));
}
