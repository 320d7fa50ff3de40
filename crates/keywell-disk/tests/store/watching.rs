use bytes::Bytes;
use keywell_disk::DiskStore;
use keywell_store::{
    Error, Event, Expected, Filter, Invalid, ResumeToken, Set, Since, Swap, Watching,
};

use crate::support::{Scratch, bucket, next, next_events, set};

fn after(token: &ResumeToken) -> Since {
    Since::After(token.clone())
}

#[tokio::test]
async fn every_change_is_delivered_in_order() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    set(&bucket, "before", "").await.unwrap();
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let version = bucket.set("a", "1".into(), Set::default()).await.unwrap();
    set(&scratch.bucket("other").await, "a", "of another bucket")
        .await
        .unwrap();
    bucket.increment("n", 5).await.unwrap();
    let change = keywell_store::Change::Set("2".into(), Set::default());
    let stale = bucket.swap("a", Expected::Absent, change.clone());
    assert_eq!(stale.await.unwrap(), Swap::Stale);
    let swap = bucket.swap("a", Expected::At(version), change);
    assert!(matches!(swap.await.unwrap(), Swap::Done(Some(_))));
    let entries = vec![("c", "4".into()), ("d", "5".into()), ("c", "6".into())];
    bucket.set_many(entries).await.unwrap();
    bucket.delete("a").await.unwrap();
    bucket.delete("never there").await.unwrap();
    bucket.delete_many(&["c", "d"]).await.unwrap();
    assert_eq!(
        next_events(&mut watch, 8).await,
        ["a=1", "n=5", "a=2", "d=5", "c=6", "-a", "-c", "-d"]
    );
}

#[tokio::test]
async fn a_watch_delivers_only_what_its_filter_matches() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let exact = Filter::Key("a*".to_owned());
    let mut exact = bucket.watch(exact, Since::Now).await.unwrap();
    let prefix = Filter::Prefix("a".to_owned());
    let mut prefix = bucket.watch(prefix, Since::Now).await.unwrap();
    for key in ["a", "b", "ab", "a*", "B"] {
        set(&bucket, key, "").await.unwrap();
    }
    assert_eq!(next_events(&mut exact, 1).await, ["a*="]);
    assert_eq!(next_events(&mut prefix, 3).await, ["a=", "ab=", "a*="]);
}

#[tokio::test]
async fn an_event_carries_the_version_of_its_write() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let written = bucket.set("a", "1".into(), Set::default()).await.unwrap();
    set(&bucket, "a", "2").await.unwrap();
    let Event::Set { version, value, .. } = next(&mut watch).await.unwrap() else {
        panic!("it was set");
    };
    assert_eq!((version, &value[..]), (Some(written), &b"1"[..]));
}

#[tokio::test]
async fn a_watch_resumes_after_a_restart_and_misses_nothing() {
    let mut scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let start = watch.start().unwrap().clone();
    for i in 0..5 {
        set(&bucket, "a", &i.to_string()).await.unwrap();
    }
    assert_eq!(next_events(&mut watch, 2).await, ["a=0", "a=1"]);
    let token = next(&mut watch).await.unwrap().token().unwrap().clone();
    drop((watch, bucket));
    scratch = scratch.reopen().await;
    let bucket = scratch.bucket("b").await;
    let mut watch = bucket.watch(Filter::All, after(&token)).await.unwrap();
    assert_eq!(watch.start(), Some(&token));
    set(&bucket, "b", "new").await.unwrap();
    assert_eq!(next_events(&mut watch, 3).await, ["a=3", "a=4", "b=new"]);
    let mut watch = bucket.watch(Filter::All, after(&start)).await.unwrap();
    assert_eq!(next_events(&mut watch, 1).await, ["a=0"]);
}

#[tokio::test]
async fn a_token_of_another_bucket_is_refused() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let elsewhere = Scratch::new();
    let mut tokens = vec![ResumeToken::from("forged".to_owned())];
    for bucket in [scratch.bucket("other").await, elsewhere.bucket("b").await] {
        let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
        tokens.push(watch.start().unwrap().clone());
    }
    for token in &tokens {
        let answer = bucket.watch(Filter::All, after(token)).await;
        assert!(matches!(answer, Err(Error::Invalid(Invalid::Token))));
    }
}

#[tokio::test]
async fn a_token_of_the_future_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.redb");
    let store = DiskStore::open(folder.path()).unwrap();
    let bucket = bucket(&store, "b").await;
    keywell_store::Store::close(&store).await.unwrap();
    let backup = std::fs::read(&path).unwrap();
    let open = || DiskStore::open(folder.path()).unwrap();
    drop((bucket, store));
    let store = open();
    let bucket = crate::support::bucket(&store, "b").await;
    set(&bucket, "a", "").await.unwrap();
    let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let token = watch.start().unwrap().clone();
    drop((watch, bucket, store));
    // The file is replaced by a backup.
    std::fs::write(&path, backup).unwrap();
    let store = open();
    let bucket = crate::support::bucket(&store, "b").await;
    let answer = bucket.watch(Filter::All, after(&token)).await;
    assert!(matches!(answer, Err(Error::Invalid(Invalid::Token))));
}

#[tokio::test]
async fn a_watch_that_fell_behind_the_history_ends_as_compacted() {
    let folder = tempfile::tempdir().unwrap();
    let options = DiskStore::builder().history_events(10);
    let store = options.open(folder.path()).unwrap();
    let bucket = bucket(&store, "b").await;
    let mut slow = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let start = slow.start().unwrap().clone();
    let mut kept = None;
    for i in 0..30 {
        set(&bucket, "a", &i.to_string()).await.unwrap();
        if i == 20 {
            let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
            kept = watch.start().cloned();
        }
    }
    let compacted = |error| matches!(error, Error::Invalid(Invalid::Compacted));
    assert!(compacted(next(&mut slow).await.unwrap_err()));
    assert!(futures::StreamExt::next(&mut slow).await.is_none());
    let answer = bucket.watch(Filter::All, after(&start)).await;
    assert!(compacted(answer.unwrap_err()));
    let kept = after(&kept.unwrap());
    let mut watch = bucket.watch(Filter::All, kept).await.unwrap();
    assert_eq!(next_events(&mut watch, 2).await, ["a=21", "a=22"]);
}

#[tokio::test]
async fn a_history_is_bounded_in_bytes_but_never_loses_the_last_write() {
    let folder = tempfile::tempdir().unwrap();
    let options = DiskStore::builder().history_bytes(1000);
    let store = options.open(folder.path()).unwrap();
    let bucket = bucket(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let start = watch.start().unwrap().clone();
    for round in 0..5 {
        let value = Bytes::from(vec![b'0' + round; 5000]);
        bucket
            .set("large", value.clone(), Set::default())
            .await
            .unwrap();
        let Event::Set {
            value: delivered, ..
        } = next(&mut watch).await.unwrap()
        else {
            panic!("it was set");
        };
        assert_eq!(delivered, value);
    }
    let answer = bucket.watch(Filter::All, after(&start)).await;
    assert!(matches!(answer, Err(Error::Invalid(Invalid::Compacted))));
}

#[tokio::test]
async fn without_a_history_there_is_no_watch_and_no_false_resume() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path()).unwrap();
    let bucket = bucket(&store, "b").await;
    let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let start = watch.start().unwrap().clone();
    set(&bucket, "a", "1").await.unwrap();
    drop((watch, bucket, store));
    let options = DiskStore::builder().history_events(0);
    let store = options.open(folder.path()).unwrap();
    let bucket = crate::support::bucket(&store, "b").await;
    assert_eq!(bucket.capabilities().watch, Watching::None);
    set(&bucket, "a", "2").await.unwrap();
    let answer = bucket.watch(Filter::All, Since::Now).await;
    assert!(matches!(answer, Err(Error::Unsupported(_))));
    drop((bucket, store));
    let store = DiskStore::open(folder.path()).unwrap();
    let bucket = crate::support::bucket(&store, "b").await;
    let answer = bucket.watch(Filter::All, after(&start)).await;
    assert!(matches!(answer, Err(Error::Invalid(Invalid::Compacted))));
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    set(&bucket, "a", "3").await.unwrap();
    assert_eq!(next_events(&mut watch, 1).await, ["a=3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_watches_deliver_the_same_events() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let mut watches = Vec::new();
    for _ in 0..50 {
        let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
        watches.push(tokio::spawn(
            async move { next_events(&mut watch, 300).await },
        ));
    }
    // Dropped unread, which must not hold up the others.
    drop(bucket.watch(Filter::All, Since::Now).await.unwrap());
    let writes = (0..300).map(|i| {
        let bucket = bucket.clone();
        async move { bucket.increment(&format!("n{}", i % 7), 1).await.unwrap() }
    });
    futures::future::join_all(writes).await;
    let first = watches.pop().unwrap().await.unwrap();
    for key in 0..7 {
        let own = format!("n{key}=");
        let counts: Vec<u32> = first
            .iter()
            .filter_map(|event| event.strip_prefix(&own)?.parse().ok())
            .collect();
        assert!(
            counts
                .iter()
                .copied()
                .eq(1..=u32::try_from(counts.len()).unwrap())
        );
    }
    for watch in watches {
        assert_eq!(watch.await.unwrap(), first);
    }
}

#[tokio::test]
async fn a_watch_ends_with_its_store() {
    let scratch = Scratch::new();
    let bucket = scratch.bucket("b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    set(&bucket, "a", "1").await.unwrap();
    assert_eq!(next_events(&mut watch, 1).await, ["a=1"]);
    keywell_store::Store::close(&scratch.store).await.unwrap();
    let end = next(&mut watch).await;
    assert!(matches!(end, Err(Error::Unavailable(_))));
    assert!(futures::StreamExt::next(&mut watch).await.is_none());
}

#[tokio::test]
async fn buckets_of_keywell_itself_leave_the_history_to_others_and_are_watched_live() {
    let folder = tempfile::tempdir().unwrap();
    let open = || DiskStore::builder().history_events(10).open(folder.path());
    let store = open().unwrap();
    let (user, own) = (
        bucket(&store, "b").await,
        bucket(&store, "keywell-triggers").await,
    );
    assert_eq!(own.capabilities().watch, Watching::Lossy);
    let users = user.watch(Filter::All, Since::Now).await.unwrap();
    let start = users.start().unwrap().clone();
    let refused = own.watch(Filter::All, after(&start)).await;
    assert!(matches!(refused, Err(Error::Invalid(Invalid::Token))));
    let mut live = own.watch(Filter::All, Since::Now).await.unwrap();
    let mut lagging = own.watch(Filter::All, Since::Now).await.unwrap();
    set(&user, "a", "1").await.unwrap();
    let mut version = None;
    for i in 0..300 {
        let set = own.set("position", i.to_string().into(), Set::default());
        version = Some(set.await.unwrap());
        assert_eq!(
            next_events(&mut live, 1).await,
            [format!("position={i}")],
            "a watch that keeps up misses none"
        );
    }
    own.delete("position").await.unwrap();
    set(&user, "a", "2").await.unwrap();
    assert_eq!(next(&mut lagging).await.unwrap(), Event::Gap);
    set(&own, "position", "last").await.unwrap();
    assert_eq!(next_events(&mut lagging, 1).await, ["position=last"]);
    assert_eq!(
        next_events(&mut live, 2).await,
        ["-position", "position=last"]
    );
    drop((users, live, lagging, user, own, store));

    let store = open().unwrap();
    let (user, own) = (
        bucket(&store, "b").await,
        bucket(&store, "keywell-triggers").await,
    );
    let mut users = user.watch(Filter::All, after(&start)).await.unwrap();
    assert_eq!(next_events(&mut users, 2).await, ["a=1", "a=2"]);
    // Versions are not used again.
    let change = keywell_store::Change::Set("3".into(), Set::default());
    let swap = own.swap("position", Expected::At(version.unwrap()), change);
    assert_eq!(swap.await.unwrap(), Swap::Stale);
    let before = own.get("position").await.unwrap().unwrap().version;
    let after = own.set("position", "4".into(), Set::default()).await;
    assert!(after.unwrap().as_u64() > before.as_u64());
}
