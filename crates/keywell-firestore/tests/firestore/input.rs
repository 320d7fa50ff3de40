//! Bad input: names, sizes, clocks, and what other programs wrote.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_firestore::FirestoreProvider;
use keywell_servers::Firestore;
use keywell_store::{
    Error, Event, Expires, Filter, Invalid, List, Making, Provider as _, Set, Since, Store as _,
    StoreUrl,
};
use tokio::time::{Instant, interval};

use crate::place::{open, options, server, store};

const VALUE: Bytes = Bytes::from_static(b"v");

async fn refused(url: &str) -> String {
    let url: StoreUrl = url.parse().unwrap();
    match FirestoreProvider.open(&url, Making::Allowed).await {
        Ok(_) => panic!("it opens"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_project_or_a_database_that_is_not_there_is_named() {
    let at = server().await.addr();
    for (place, problem) in [
        ("another", "check the project"),
        ("keywell-tests/other", "The database other does not exist"),
    ] {
        let error = refused(&format!("firestore://{place}?emulator={at}")).await;
        assert!(error.contains(problem), "{error}");
    }
    // Nothing listens at port 1.
    let url = "firestore://p?emulator=127.0.0.1:1&answer-timeout=200ms";
    let error = refused(url).await;
    assert!(error.contains("127.0.0.1:1"), "{error}");
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_before_anything_is_opened() {
    for (url, problem) in [
        ("firestore:", "firestore://PROJECT"),
        ("firestore://", "names no project"),
        ("firestore://a%20b", "names no project"),
        ("firestore://p/d/e", "names no database"),
        ("firestore://p?collection=a/b", "collection must be"),
        ("firestore://p?collection=__a__", "collection must be"),
        ("firestore://p?emulator=a@b", "emulator must be HOST:PORT"),
        (
            "firestore://p?credentials=x&credentials-file=y",
            "credentials must be left out",
        ),
        ("firestore://p?credentials=hunter2", "is no JSON text"),
        ("firestore://p?credentials={}", "has no `type`"),
        (
            "firestore://p?credentials-file=/no/such/file",
            "/no/such/file cannot be read",
        ),
    ] {
        let error = refused(url).await;
        assert!(error.contains(problem), "{url}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn what_another_program_wrote_in_another_form_is_corrupt_and_can_be_replaced() {
    let server = server().await;
    let options = options(server);
    let store = store(&options).await;
    let bucket = open(&store, "a.b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let path = format!("{0}/a.0b/{0}", options.collection);
    server
        .write(&format!("{path}/k"), &[("value", "text"), ("expires", "x")])
        .unwrap();
    // An id that is no key of ours.
    server.write(&format!("{path}/_x"), &[]).unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap(), Event::Gap);
    for ended in [
        bucket.get("k").await.map(drop),
        bucket.increment("k", 1).await.map(drop),
        bucket.get_many(&["k"]).await.map(drop),
    ] {
        let error = ended.unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)), "{error}");
        assert!(error.to_string().contains("no field `value`"), "{error}");
    }
    assert!(bucket.exists("k").await.unwrap());
    let page = bucket.list(List::default()).await.unwrap();
    assert_eq!((page.keys, page.cursor), (vec!["k".to_owned()], None));
    let names = store.buckets().await.unwrap();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0].as_str(), "a.b");
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "v");
}

#[tokio::test]
async fn keys_and_values_at_the_limit_are_held_and_larger_ones_refused() {
    let store = store(&options(server().await)).await;
    let bucket = open(&store, &"/".repeat(255)).await;
    let limits = bucket.capabilities();
    let value = Bytes::from(vec![b'x'; limits.value_bytes]);
    let hour = Set::expiring(Duration::from_hours(1)).unwrap();
    for key in [
        "🗝".repeat(limits.key_bytes / 4),
        "/".repeat(limits.key_bytes),
        "_".repeat(limits.key_bytes),
        ".".repeat(limits.key_bytes),
    ] {
        bucket.set(&key, value.clone(), hour).await.unwrap();
        let entry = bucket.get(&key).await.unwrap().unwrap();
        assert_eq!(entry.value.len(), limits.value_bytes);
    }
    let large = Bytes::from(vec![b'x'; limits.value_bytes + 1]);
    let refused = bucket.set("k", large.clone(), hour).await.unwrap_err();
    let is_large = matches!(refused, Error::Invalid(Invalid::ValueTooLarge { .. }));
    assert!(is_large, "{refused}");
    let entries = vec![("a", VALUE), ("b", large)];
    bucket.set_many(entries).await.unwrap_err();
    assert!(!bucket.exists("a").await.unwrap());
    let emoji = "🗝".repeat(1024);
    let refused = bucket.set(&emoji, VALUE, Set::default()).await.unwrap_err();
    let is_long = matches!(
        refused,
        Error::Invalid(Invalid::KeyTooLong {
            bytes: 4096,
            max: 750
        })
    );
    assert!(is_long, "{refused}");
    assert_eq!(bucket.get(&emoji).await.unwrap(), None);
}

/// The clocks of the service and of this machine are a week apart.
#[tokio::test]
async fn times_to_live_go_by_the_clock_of_the_service() {
    let server = Firestore::start().await.unwrap();
    server.stop_collecting();
    server.put_ahead(Duration::from_hours(7 * 24));
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let hour = Duration::from_hours(1);
    let set = Set::expiring(hour).unwrap();
    bucket.set("k", VALUE, set).await.unwrap();
    let entry = bucket.get("k").await.unwrap().unwrap();
    let Expires::In(left) = entry.expires else {
        panic!("{:?}", entry.expires);
    };
    assert!(
        left <= hour && left > hour.checked_sub(Duration::from_mins(1)).unwrap(),
        "{left:?}"
    );
    let short = Set::expiring(Duration::from_millis(50)).unwrap();
    bucket.set("k", VALUE, short).await.unwrap();
    let begun = Instant::now();
    let mut turns = interval(Duration::from_millis(10));
    while bucket.exists("k").await.unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        turns.tick().await;
    }
    assert_eq!(server.paths().len(), 1, "it is hidden, and not collected");
    assert_eq!(server.collect(), 1);
}

#[tokio::test]
async fn two_collections_share_nothing() {
    let server = server().await;
    let (one, two) = (options(server), options(server));
    let (one, two) = (store(&one).await, store(&two).await);
    let bucket = open(&one, "b").await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    assert!(!open(&two, "b").await.exists("k").await.unwrap());
    assert!(two.buckets().await.unwrap().is_empty());
}
