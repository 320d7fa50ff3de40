use std::sync::Arc;

use bytes::Bytes;
use keywell_runtime::watch::WatchTarget;
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Entry, Error, Filter, Invalid, List, Page, Set,
    Since, Store, Version, Watch,
};

use crate::support::*;

/// A store of letters that takes short values only, or cannot be watched.
struct Letters {
    inner: Arc<dyn Store>,
    /// The longest value, in bytes.
    max: usize,
    is_watched: bool,
}

struct LettersBucket {
    inner: Arc<dyn Bucket>,
    max: usize,
    is_watched: bool,
}

impl Store for Letters {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let (max, is_watched) = (self.max, self.is_watched);
        self.inner.open(name).map(move |inner| -> Arc<dyn Bucket> {
            Arc::new(LettersBucket {
                inner,
                max,
                is_watched,
            })
        })
    }
}

impl Bucket for LettersBucket {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.inner.get_within(key, max)
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let (bytes, max) = (value.len(), self.max);
        if bytes > max {
            return Error::Invalid(Invalid::ValueTooLarge { bytes, max }).into();
        }
        self.inner.set(key, value, how)
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.inner.delete(key)
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.inner.list(request)
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        if !self.is_watched {
            return Error::Unavailable("it reports no changes".into()).into();
        }
        self.inner.watch(filter, since)
    }
}

/// What a trigger is about, whose letters are in such a store, over another that a test can watch.
fn elsewhere(max: usize, is_watched: bool) -> (Arc<dyn Store>, WatchTarget) {
    let inner = memory();
    let letters: Arc<dyn Store> = Arc::new(Letters {
        inner: inner.clone(),
        max,
        is_watched,
    });
    let target = WatchTarget {
        dead_letters: (Some(letters), name(WatchTarget::DEAD_LETTERS)),
        ..target("SET@*")
    };
    (inner, target)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_without_its_value_is_sent_with_what_its_key_holds() {
    let (store, (inner, target)) = (memory(), elsewhere(1000, true));
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
    let (store, (inner, target)) = (memory(), elsewhere(1000, true));
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
    let (store, (inner, target)) = (memory(), elsewhere(10_000, false));
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
