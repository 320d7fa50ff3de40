use std::sync::Arc;

use keywell_runtime::watch::WatchTarget;
use keywell_store::layer::{Layered, Limited, Limits, Method, Script};
use keywell_store::{Error, Store};

use crate::support::*;

/// A target whose letters are in a store of values of at most so many bytes, and that store without
/// the bound.
fn with_short_letters(max: usize) -> (Arc<dyn Store>, WatchTarget) {
    let inner = memory();
    let limits = Limits {
        value_bytes: max,
        ..Limits::default()
    };
    let short = Layered::new(inner.clone(), move |_, bucket| {
        Arc::new(Limited::new(bucket, limits))
    });
    let target = with_letters_in(Arc::new(short));
    (inner, target)
}

fn with_letters_in(letters: Arc<dyn Store>) -> WatchTarget {
    WatchTarget {
        dead_letters: (Some(letters), name(WatchTarget::DEAD_LETTERS)),
        ..target("SET@*")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_without_its_value_is_sent_with_what_its_key_holds() {
    let (store, (inner, target)) = (memory(), with_short_letters(1000));
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let trigger = process.try_watch(&store, target, &options()).await.unwrap();
    set(&watched, "trap:4:k", &"v".repeat(1000)).await;
    let dead = letter(&inner, |letter| letter.key == "trap:4:k").await;
    assert_eq!(dead.value, None);
    assert!(dead.reason.contains("too large"), "{}", dead.reason);
    let letters = letters(&inner).await;
    assert!(letters.replay(&dead.id).await.unwrap());
    until(&record, "log/trap:4:k", |log| {
        log == format!("{};", "v".repeat(1000))
    })
    .await;
    assert_eq!(trigger.stop().await.delivered, 1);
    assert_eq!(letters.get(&dead.id).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_without_its_value_is_kept_when_its_key_is_gone() {
    let (store, (inner, target)) = (memory(), with_short_letters(1000));
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let trigger = process.try_watch(&store, target, &options()).await.unwrap();
    set(&watched, "trap:4:k", &"v".repeat(1000)).await;
    let dead = letter(&inner, |letter| letter.key == "trap:4:k").await;
    watched.delete("trap:4:k").await.unwrap();
    assert!(letters(&inner).await.replay(&dead.id).await.unwrap());
    // It waits no longer to be sent again.
    let kept = letter(&inner, |letter| !letter.is_replaying).await;
    assert_eq!(kept, dead);
    // What is marked later is sent later.
    set(&watched, "k", "1").await;
    until(&record, "log/k", |log| log == "1;").await;
    assert_eq!(text(&record, "attempts/trap:4:k").await.unwrap(), "4");
    assert_eq!(trigger.stop().await.delivered, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_cannot_be_read_is_kept() {
    let store = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let kept = open(&store, WatchTarget::DEAD_LETTERS).await;
    let trigger = Process::new().watch(&store, "SET@*").await;
    set(&watched, "trap:4:k", "v").await;
    let dead = letter(&store, |letter| letter.key == "trap:4:k").await;
    let of = dead.id.split('/').next().unwrap();
    let strange = format!("{of}/0");
    set(
        &kept,
        &format!("letters/{strange}"),
        "{\"operation\":\"PUT\"}",
    )
    .await;
    let letters = letters(&store).await;
    assert!(letters.replay(&strange).await.unwrap());
    assert!(letters.replay(&dead.id).await.unwrap());
    // They are taken in order, so the strange one was.
    until(&record, "log/trap:4:k", |log| log == "v;").await;
    trigger.stop().await;
    assert!(kept.exists(&format!("letters/{strange}")).await.unwrap());
    assert!(!kept.exists(&format!("replays/{strange}")).await.unwrap());
    // It is in the way of no other, and is named.
    let error = letters.get(&strange).await.unwrap_err();
    assert!(error.to_string().contains(&strange), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_that_cannot_be_watched_are_sent_again_all_the_same() {
    let (store, inner) = (memory(), memory());
    let script = Script::of(&[Method::Watch]);
    script.fail(&Error::Unavailable("it reports no changes".into()));
    let target = with_letters_in(faulty(&inner, &script));
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let options = options();
    let start = || process.try_watch(&store, target.clone(), &options);
    let trigger = start().await.unwrap();
    set(&watched, "trap:4:a", "v").await;
    set(&watched, "trap:8:b", "v").await;
    let a = letter(&inner, |letter| letter.key == "trap:4:a").await;
    let b = letter(&inner, |letter| letter.key == "trap:8:b").await;
    trigger.stop().await;
    // Marked while no trigger runs.
    let letters = letters(&inner).await;
    assert!(letters.replay(&a.id).await.unwrap());
    let trigger = start().await.unwrap();
    until(&record, "log/trap:4:a", |log| log == "v;").await;
    // Marked while it runs, again and again.
    assert!(letters.replay(&b.id).await.unwrap());
    letter(&inner, |letter| !letter.is_replaying && letter != &b).await;
    assert!(letters.replay(&b.id).await.unwrap());
    until(&record, "log/trap:8:b", |log| log == "v;").await;
    trigger.stop().await;
    assert_eq!(letters.list(None, None).await.unwrap().letters, []);
}
