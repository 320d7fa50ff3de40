//! How much of the stream is kept, and what is reported when it is not enough.

use futures::future::join_all;
use keywell_servers::Redis;
use keywell_store::{Change, Error, Expected, Filter, Invalid, Set, Since, Swap, Watching};

use crate::support::{
    ask, ask_number, bucket, ended, get, named, open, orders, received, received_many, resumed,
    set, set_for, watch,
};

fn is_compacted(error: &Error) -> bool {
    matches!(error, Error::Invalid(Invalid::Compacted))
}

fn is_token(error: &Error) -> bool {
    matches!(error, Error::Invalid(Invalid::Token))
}

const STREAM: &str = ":keywell:{orders}:stream";

#[tokio::test]
async fn the_stream_is_kept_about_as_long_as_was_asked_for() {
    let (redis, bucket) = orders("&history=500").await;
    for n in 0..2000 {
        set(&bucket, "k", n.to_string()).await;
    }
    let events = ask_number(&redis, &["XLEN", STREAM]).await;
    assert!((500..=700).contains(&events), "{events}");
}

/// The token just before the oldest event that is kept is good, and the one before that is not.
#[tokio::test]
async fn a_token_is_good_for_exactly_as_long_as_its_next_event_is_kept() {
    let (redis, bucket) = orders("").await;
    let mut watching = watch(&bucket).await;
    let mut tokens = vec![watching.start().unwrap().clone()];
    for n in 0..10 {
        set(&bucket, "k", n.to_string()).await;
        let event = crate::support::next(&mut watching).await;
        tokens.push(event.token().unwrap().clone());
    }
    ask(&redis, &["XTRIM", STREAM, "MAXLEN", "=", "4"]).await;
    for (at, token) in tokens.iter().enumerate() {
        let since = Since::After(token.clone());
        match bucket.watch(Filter::All, since).await {
            Ok(mut resumed) => {
                assert!(at >= 6, "event {at} is trimmed");
                let expected: Vec<String> = (at..10).map(|n| format!("k={n}")).collect();
                assert_eq!(received_many(&mut resumed, 10 - at).await, expected);
            }
            Err(error) => assert!(at < 6 && is_compacted(&error), "{at}: {error}"),
        }
    }
}

#[tokio::test]
async fn the_stream_is_kept_within_its_bytes() {
    let (redis, bucket) = orders("&history-bytes=1000000").await;
    let mut slow = watch(&bucket).await;
    let large = "v".repeat(100_000);
    for n in 0..100 {
        set(&bucket, &format!("k{}", n % 3), large.as_str()).await;
        let events = ask_number(&redis, &["XLEN", STREAM]).await;
        assert!(events <= 10, "{events} events of 100 kB");
    }
    assert_eq!(ask_number(&redis, &["XLEN", STREAM]).await, 9);
    // One event of more than the limit displaces all others, and is itself delivered.
    let mut quick = watch(&bucket).await;
    set(&bucket, "k", "v".repeat(2_000_000)).await;
    assert_eq!(received(&mut quick).await.len(), 2_000_002);
    assert_eq!(ask_number(&redis, &["XLEN", STREAM]).await, 1);
    for n in 0..100 {
        set(&bucket, "small", n.to_string()).await;
    }
    assert_eq!(ask_number(&redis, &["XLEN", STREAM]).await, 100);
    // In memory there are some megabytes of events besides, so a few more may be delivered first.
    assert!(is_compacted(&ended(&mut slow).await));
}

#[tokio::test]
async fn a_batch_is_kept_whole_where_there_is_room() {
    let (redis, bucket) = orders("&history-bytes=100000").await;
    for _ in 0..3 {
        let keys: Vec<String> = (0..500).map(|n| format!("k{n}")).collect();
        let entries = keys.iter().map(|key| (key.as_str(), "v".repeat(50).into()));
        bucket.set_many(entries.collect()).await.unwrap();
        let events = ask_number(&redis, &["XLEN", STREAM]).await;
        assert!(events >= 500, "{events}");
        assert!(events <= 100_000 / 110, "{events}");
    }
}

#[tokio::test]
async fn without_history_nothing_is_watched_and_no_stream_is_written() {
    for settings in ["&history=0", "&history-bytes=0"] {
        let (redis, bucket) = orders(settings).await;
        assert_eq!(bucket.capabilities().watch, Watching::None);
        let refused = bucket.watch(Filter::All, Since::Now).await.unwrap_err();
        assert!(matches!(refused, Error::Unsupported(_)));
        set(&bucket, "k", "v").await;
        bucket.increment("n", 1).await.unwrap();
        set_for(&bucket, "e", "v", std::time::Duration::from_hours(1)).await;
        bucket.delete("k").await.unwrap();
        assert_eq!(ask_number(&redis, &["EXISTS", STREAM]).await, 0);
    }
}

#[tokio::test]
async fn a_link_that_does_not_watch_still_notifies_those_that_do() {
    let redis = Redis::start().await.unwrap();
    let silent = bucket(&open(&redis, "&watch=false").await).await;
    let watching = bucket(&open(&redis, "").await).await;
    assert_eq!(silent.capabilities().watch, Watching::None);
    let mut watching = watch(&watching).await;
    set(&silent, "k", "v").await;
    assert_eq!(received(&mut watching).await, "k=v");
}

/// One that keeps no history writes between events of one that does.
#[tokio::test]
async fn a_write_that_is_not_in_the_stream_is_noticed() {
    let redis = Redis::start().await.unwrap();
    let keeps = bucket(&open(&redis, "").await).await;
    let mut watching = watch(&keeps).await;
    let careless = bucket(&open(&redis, "&history=0").await).await;
    set(&keeps, "k", "1").await;
    set(&careless, "k", "2").await;
    set(&keeps, "k", "3").await;
    assert_eq!(received(&mut watching).await, "k=1");
    assert!(is_compacted(&ended(&mut watching).await));
}

#[tokio::test]
async fn a_server_that_comes_back_empty_takes_nothing_from_before() {
    let (redis, bucket) = orders("").await;
    let mut watching = watch(&bucket).await;
    let token = watching.start().unwrap().clone();
    let mut versions = vec![set(&bucket, "k", "v").await];
    assert_eq!(received(&mut watching).await, "k=v");
    redis.restart_empty().await.unwrap();
    crate::support::recovered(&bucket).await;
    assert!(is_compacted(&ended(&mut watching).await));
    let refused = bucket.watch(Filter::All, Since::After(token)).await;
    assert!(is_token(&refused.unwrap_err()));

    versions.push(set(&bucket, "k", "v").await);
    assert_ne!(versions[0], versions[1]);
    let change = Change::Set("w".into(), Set::default());
    let stale = bucket.swap("k", Expected::At(versions[0].clone()), change);
    assert_eq!(stale.await.unwrap(), Swap::Stale);
    let mut watching = watch(&bucket).await;
    set(&bucket, "k", "x").await;
    assert_eq!(received(&mut watching).await, "k=x");
}

#[tokio::test]
async fn a_watch_notices_that_everything_was_flushed() {
    let (redis, bucket) = orders("").await;
    let mut watching = watch(&bucket).await;
    set(&bucket, "k", "1").await;
    assert_eq!(received(&mut watching).await, "k=1");
    redis.flush().await.unwrap();
    set(&bucket, "k", "2").await;
    assert!(is_compacted(&ended(&mut watching).await));
}

/// A server loses the writes since it saved last. Their numbers come again, for others.
#[tokio::test]
async fn a_server_that_comes_back_with_less_is_noticed() {
    let (redis, bucket) = orders("").await;
    set(&bucket, "k", "saved").await;
    ask(&redis, &["SAVE"]).await;
    let mut watching = watch(&bucket).await;
    let mut tokens = vec![watching.start().unwrap().clone()];
    let mut lost = Vec::new();
    for n in 0..3 {
        lost.push(set(&bucket, "k", format!("lost {n}")).await);
        let event = crate::support::next(&mut watching).await;
        tokens.push(event.token().unwrap().clone());
    }
    redis.kill().await.unwrap();
    redis.restart().await.unwrap();
    crate::support::recovered(&bucket).await;
    assert_eq!(get(&bucket, "k").await.unwrap().value, "saved");

    let refused = bucket.watch(Filter::All, Since::After(tokens[3].clone()));
    assert!(
        is_compacted(&refused.await.unwrap_err()),
        "it is ahead of what there is"
    );
    // As many writes again, so that the numbers are those of the lost ones.
    let mut written = Vec::new();
    for n in 0..5 {
        written.push(set(&bucket, "k", format!("kept {n}")).await);
    }
    assert!(lost.iter().all(|version| !written.contains(version)));
    for token in &tokens[1..] {
        let refused = bucket.watch(Filter::All, Since::After(token.clone()));
        assert!(is_compacted(&refused.await.unwrap_err()));
    }
    let mut before = resumed(&bucket, &tokens[0]).await;
    let expected: Vec<String> = (0..5).map(|n| format!("k=kept {n}")).collect();
    assert_eq!(received_many(&mut before, 5).await, expected);
    assert!(is_compacted(&ended(&mut watching).await));
    for version in lost {
        let stale = bucket.swap("k", Expected::At(version), Change::Delete);
        assert_eq!(stale.await.unwrap(), Swap::Stale);
    }
}

#[tokio::test]
async fn a_watch_that_reads_late_finds_what_the_stream_holds() {
    let (_redis, bucket) = orders("").await;
    let mut slow = watch(&bucket).await;
    let writes = (0..40).map(|writer| {
        let bucket = bucket.clone();
        async move {
            for n in 0..250 {
                set(&bucket, &format!("k{writer}"), n.to_string()).await;
            }
        }
    });
    join_all(writes).await;
    let mut next = [0; 40];
    for event in received_many(&mut slow, 10_000).await {
        let (key, value) = event.split_once('=').unwrap();
        let at: usize = key[1..].parse().unwrap();
        assert_eq!(value, next[at].to_string(), "{key}");
        next[at] += 1;
    }
    assert!(next.iter().all(|count| *count == 250));
}

#[tokio::test]
async fn a_token_of_another_journal_of_the_same_name_is_refused() {
    let redis = Redis::start().await.unwrap();
    let one = named(&open(&redis, "&prefix=a:").await, "orders").await;
    let other = named(&open(&redis, "&prefix=b:").await, "orders").await;
    let token = watch(&one).await.start().unwrap().clone();
    let _watched = watch(&other).await;
    let refused = other.watch(Filter::All, Since::After(token)).await;
    assert!(is_token(&refused.unwrap_err()));
}
