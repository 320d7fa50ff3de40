//! Servers that go away, and come back.

use std::time::{Duration, Instant};

use keywell_servers::{Proxy, Redis, Towards};
use keywell_store::{Error, Filter, Set, Since, Store as _};

use crate::support::{bucket, connect, hear, notifying_server, opened, until};

#[tokio::test]
async fn a_store_comes_back_by_itself_and_fails_fast_until_then() {
    let redis = Redis::builder().append_only(true).start().await.unwrap();
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    redis.kill().await.unwrap();
    until("the loss is noticed", || async {
        matches!(bucket.get("k").await, Err(Error::Unavailable(_)))
    })
    .await;
    let began = Instant::now();
    for _ in 0..100 {
        let set = bucket.set("k", "w".into(), Set::default()).await;
        assert!(matches!(set, Err(Error::Unavailable(_))), "{set:?}");
    }
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    assert!(store.health().await.is_err());
    redis.restart().await.unwrap();
    until("it is back", || async { bucket.get("k").await.is_ok() }).await;
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "v");
    store.health().await.unwrap();
}

#[tokio::test]
async fn a_write_to_a_frozen_server_is_ambiguous_and_those_after_it_fail_at_once() {
    let redis = notifying_server().await;
    let store = connect(&format!("{}?answer-timeout=300ms", redis.url())).await;
    let bucket = bucket(&store, "").await;
    redis.freeze().unwrap();
    let counted = bucket.increment("n", 1).await;
    assert!(matches!(counted, Err(Error::Ambiguous(_))), "{counted:?}");
    let read = bucket.get("n").await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    let began = Instant::now();
    let counted = bucket.increment("n", 1).await;
    assert!(matches!(counted, Err(Error::Unavailable(_))), "{counted:?}");
    assert!(
        began.elapsed() < Duration::from_millis(200),
        "{:?}",
        began.elapsed()
    );
    redis.thaw().unwrap();
    until("it is back", || async { bucket.get("n").await.is_ok() }).await;
    let left = bucket.get("n").await.unwrap().map(|entry| entry.value);
    assert_eq!(left.as_deref(), Some(&b"1"[..]), "sent once");
}

/// However connections break, each increment is counted once if it was acknowledged, at most once
/// if it is ambiguous, and not at all if it was refused.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_twice_however_connections_break() {
    const TASKS: usize = 16;
    const ROUNDS: usize = 300;
    let redis = notifying_server().await;
    let proxy = Proxy::to(redis.addr()).await.expect("it listens");
    let url = format!("redis://{}?reconnect-max-delay=20ms", proxy.addr());
    let store = connect(&url).await;
    let bucket = bucket(&store, "").await;
    let (mut acknowledged, mut ambiguous, mut refused) = (0_i64, 0_i64, 0_i64);
    for round in 0..ROUNDS {
        match round % 3 {
            0 => proxy.cut_after_commands(Towards::Server, 5),
            1 => proxy.cut_after_bytes(Towards::Client, 17),
            _ => {}
        }
        let counting = (0..TASKS).map(|_| bucket.increment("n", 1));
        for counted in futures::future::join_all(counting).await {
            match counted {
                Ok(_) => acknowledged += 1,
                Err(Error::Ambiguous(_)) => ambiguous += 1,
                Err(Error::Unavailable(_)) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        until("it is back", || async { bucket.get("x").await.is_ok() }).await;
    }
    let counted = redis.cli(&["GET", "default:n"]).await.unwrap();
    let counted: i64 = counted.trim().parse().unwrap();
    println!("{acknowledged} acknowledged, {ambiguous} ambiguous, {refused} refused: {counted}");
    assert!(acknowledged <= counted, "{acknowledged} > {counted}");
    assert!(
        counted <= acknowledged + ambiguous,
        "{counted} > {acknowledged} + {ambiguous}"
    );
    assert!(acknowledged > 0 && ambiguous > 0);
}

#[tokio::test]
async fn a_late_answer_goes_to_no_other_call() {
    let redis = notifying_server().await;
    let store = connect(&format!("{}?answer-timeout=500ms", redis.url())).await;
    let bucket = bucket(&store, "").await;
    for (name, value) in [("a", "of a"), ("b", "of b")] {
        bucket
            .set(name, value.into(), Set::default())
            .await
            .unwrap();
    }
    redis.freeze().unwrap();
    assert!(bucket.get("a").await.is_err());
    redis.thaw().unwrap();
    until("it is back", || async { bucket.get("b").await.is_ok() }).await;
    for _ in 0..20 {
        assert_eq!(bucket.get("b").await.unwrap().unwrap().value, "of b");
        assert_eq!(bucket.get("a").await.unwrap().unwrap().value, "of a");
    }
}

#[tokio::test]
async fn a_watch_outlives_its_server_and_delivers_the_gap_and_the_present_state() {
    let redis = Redis::builder()
        .append_only(true)
        .config("notify-keyspace-events AKE")
        .start()
        .await
        .unwrap();
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "").await;
    bucket.set("k", "old".into(), Set::default()).await.unwrap();
    let mut named = bucket
        .watch(Filter::Key("k".into()), Since::Now)
        .await
        .unwrap();
    let mut all = bucket.watch(Filter::All, Since::Now).await.unwrap();
    redis.kill().await.unwrap();
    redis.restart().await.unwrap();
    assert_eq!(hear(&mut named).await, "gap");
    assert_eq!(hear(&mut named).await, "k=old");
    assert_eq!(hear(&mut all).await, "gap");
    until("it is back", || async { bucket.get("k").await.is_ok() }).await;
    bucket.set("k", "new".into(), Set::default()).await.unwrap();
    assert_eq!(hear(&mut named).await, "k=new");
    assert_eq!(hear(&mut all).await, "k=new");
}

#[tokio::test]
async fn a_store_does_not_open_without_a_server_unless_it_is_lazy() {
    let redis = notifying_server().await;
    let url = redis.url();
    redis.kill().await.unwrap();
    let began = Instant::now();
    let refused = opened(&url).await.err().expect("no server is there");
    assert!(
        refused.to_string().contains("cannot reach 127.0.0.1"),
        "{refused}"
    );
    assert!(began.elapsed() < Duration::from_secs(3));
    let lazy = connect(&format!("{url}?lazy=true")).await;
    let bucket = bucket(&lazy, "").await;
    assert!(matches!(bucket.get("k").await, Err(Error::Unavailable(_))));
    redis.restart().await.unwrap();
    until("it is there", || async { bucket.get("k").await.is_ok() }).await;
}

#[tokio::test]
async fn opening_tries_again_as_often_as_a_number_can_say() {
    let redis = notifying_server().await;
    let most = u32::MAX;
    let settings = format!("connect-retries={most}&connect-timeout=3600s");
    let url = format!("{}?{settings}", redis.url());
    redis.kill().await.unwrap();
    let opening = tokio::spawn(async move { opened(&url).await.map(drop) });
    redis.restart().await.unwrap();
    opening.await.expect("it does not panic").unwrap();
}

#[tokio::test]
async fn no_text_has_the_password() {
    let redis = Redis::builder()
        .user("me", "hush?hush/")
        .start()
        .await
        .unwrap();
    let at = redis.addr();
    let wrong = opened(&format!("redis://me:hush%20no@{at}"))
        .await
        .err()
        .expect("it is wrong");
    assert!(!wrong.to_string().contains("hush"), "{wrong}");
    assert!(wrong.to_string().contains("WRONGPASS"), "{wrong}");
    let store = connect(&format!("redis://me:hush%3Fhush%2F@{at}")).await;
    bucket(&store, "").await.get("k").await.unwrap();
}
