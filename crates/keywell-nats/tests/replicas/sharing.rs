use keywell_nats::{CacheOptions, CacheStore};
use keywell_servers::{Nats, Proxy};
use keywell_store::{Error, Invalid, Set, Store};

use crate::copies::{Copy, equal, on, until};

/// The scenario of the cache that this one follows.
#[tokio::test]
async fn what_one_changes_another_sees_and_one_that_joins_late_has_all() {
    let nats = Nats::start().await.unwrap();
    let a = Copy::open(on(&nats)).await;
    let b = Copy::open(on(&nats)).await;
    a.set("greeting", "hello").await;
    a.add("visits", 2).await;
    a.set("gone", "soon").await;
    b.has("gone", Some("soon")).await;
    b.add("visits", 3).await;
    b.delete("gone").await;
    a.has("visits", Some("5")).await;
    a.has("gone", None).await;
    b.has("greeting", Some("hello")).await;

    let late = Copy::open(on(&nats)).await;
    assert_eq!(late.get("greeting").await.as_deref(), Some("hello"));
    assert_eq!(late.get("visits").await.as_deref(), Some("5"));
    assert_eq!(late.get("gone").await, None);
    assert_eq!(late.contents().await, a.contents().await);
    let buckets = late.store.buckets().await.unwrap();
    assert_eq!(buckets.len(), 1, "{buckets:?}");
}

#[tokio::test]
async fn one_that_joins_has_everything_before_it_answers() {
    let nats = Nats::start().await.unwrap();
    let a = Copy::open(on(&nats)).await;
    for n in 0..20_000 {
        a.set(&format!("key{n}"), format!("value{n}")).await;
    }
    // Several at once, which do not take what another has that is not complete either.
    let open = || Copy::open(on(&nats));
    let (b, c) = tokio::join!(open(), open());
    for late in [&b, &c] {
        assert_eq!(late.contents().await.len(), 20_000);
    }
    // The first leaves, and the data stays.
    drop(a);
    let last = Copy::open(on(&nats)).await;
    assert_eq!(last.contents().await.len(), 20_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_increments_all_count() {
    let nats = Nats::start().await.unwrap();
    let (a, b) = (Copy::open(on(&nats)).await, Copy::open(on(&nats)).await);
    let c = Copy::open(on(&nats)).await;
    let work = async |copy: &Copy| {
        for n in 0..2000 {
            copy.add(&format!("counter{}", n % 10), 1).await;
            if n % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::join!(work(&a), work(&b), work(&c));
    for n in 0..10 {
        for copy in [&a, &b, &c] {
            copy.has(&format!("counter{n}"), Some("600")).await;
        }
    }
    equal(&[&a, &b, &c]).await;
}

#[tokio::test]
async fn names_and_subjects_separate_caches_on_one_server() {
    let nats = Nats::start().await.unwrap();
    let named = |name: &str| CacheOptions {
        name: name.to_owned(),
        ..on(&nats)
    };
    let (a, b) = (Copy::open(named("a")).await, Copy::open(named("b")).await);
    let other = Copy::open(CacheOptions {
        changes: "other.events".to_owned(),
        replays: "other.replay".to_owned(),
        ..named("a")
    });
    let other = other.await;
    let second = Copy::open(named("a")).await;
    a.set("key", "of a").await;
    b.set("key", "of b").await;
    second.has("key", Some("of a")).await;
    assert_eq!(b.get("key").await.as_deref(), Some("of b"));
    assert_eq!(other.get("key").await, None);
    let late = Copy::open(named("b")).await;
    assert_eq!(late.get("key").await.as_deref(), Some("of b"));
}

#[tokio::test]
async fn without_a_server_it_is_one_cache_of_this_process() {
    let alone = Copy::open(CacheOptions::default()).await;
    alone.add("visits", 1).await;
    assert_eq!(alone.get("visits").await.as_deref(), Some("1"));
    let other = Copy::open(CacheOptions::default()).await;
    assert_eq!(other.get("visits").await, None, "it is another store");
}

#[tokio::test]
async fn a_set_that_had_seen_another_stands_whatever_clocks_show() {
    let nats = Nats::start().await.unwrap();
    let (a, b) = (Copy::open(on(&nats)).await, Copy::open(on(&nats)).await);
    for n in 0..100 {
        let value = n.to_string();
        let (from, to) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
        from.set("key", value.clone()).await;
        to.has("key", Some(&value)).await;
    }
}

#[tokio::test]
async fn a_value_past_the_servers_payload_is_refused_and_nothing_is_written() {
    let nats = Nats::builder().config("max_payload: 65536");
    let nats = nats.start().await.unwrap();
    let (a, b) = (Copy::open(on(&nats)).await, Copy::open(on(&nats)).await);
    let largest = a.bucket.capabilities().value_bytes;
    assert!((16_384..65_536).contains(&largest), "{largest}");
    a.set("key", "before").await;
    let refused = a
        .bucket
        .set("key", vec![b'x'; largest + 1].into(), Set::default());
    let refused = refused.await.unwrap_err();
    let expected = Invalid::ValueTooLarge {
        bytes: largest + 1,
        max: largest,
    };
    assert!(
        matches!(&refused, Error::Invalid(invalid) if *invalid == expected),
        "{refused}"
    );
    assert_eq!(a.get("key").await.as_deref(), Some("before"));
    // The largest arrive, and so do several of them in a chunk.
    for n in 0..10 {
        a.set(&format!("large{n}"), vec![b'x'; largest]).await;
    }
    equal(&[&a, &b]).await;
    let late = Copy::open(on(&nats)).await;
    assert_eq!(late.contents().await, a.contents().await);
}

#[tokio::test]
async fn what_was_written_before_a_close_has_arrived_after_it() {
    let nats = Nats::start().await.unwrap();
    let a = Copy::open(on(&nats)).await;
    let b = Copy::open(on(&nats)).await;
    for n in 0..5000 {
        a.set(&format!("key{n}"), "value").await;
    }
    a.store.close().await.unwrap();
    let refused = a.bucket.set("late", "value".into(), Set::default()).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    drop(a);
    until("all keys", async || b.contents().await.len() == 5000).await;
}

#[tokio::test]
async fn the_connection_ends_with_its_store() {
    let nats = Nats::start().await.unwrap();
    let proxy = Proxy::to(nats.addr()).await.unwrap();
    let copy = Copy::open(crate::copies::at(proxy.addr())).await;
    assert_eq!(proxy.open(), 1);
    copy.set("key", "value").await;
    let bucket = copy.bucket.clone();
    drop(copy);
    assert_eq!(proxy.open(), 1, "a bucket is still in use");
    drop(bucket);
    until("the connection to end", async || proxy.open() == 0).await;
}

#[tokio::test]
async fn wrong_credentials_are_refused_without_showing_them() {
    let nats = Nats::builder().user("ann", "right").start().await.unwrap();
    let open = async |user: Option<(&str, &str)>| {
        let mut options = on(&nats);
        options.login.user =
            user.map(|(user, password)| (user.to_owned(), password.to_owned().into()));
        CacheStore::open(options).await
    };
    for wrong in [None, Some(("ann", "hunter2")), Some(("eve", "right"))] {
        let error = open(wrong).await.unwrap_err();
        assert!(matches!(error, Error::AccessDenied(_)), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let store = open(Some(("ann", "right"))).await.unwrap();
    assert!(!format!("{store:?}").contains("right"));
}
