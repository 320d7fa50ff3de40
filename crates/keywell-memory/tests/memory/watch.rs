use std::collections::HashMap;
use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use futures::{FutureExt as _, StreamExt as _};
use keywell_memory::{History, MemoryStore};
use keywell_store::{
    Bucket, Change, Error, Event, Expected, Filter, Invalid, ResumeToken, Set, Since,
};

use crate::support::{bucket, get, invalid, next, next_few, now, open, set, short, watch};

fn small() -> MemoryStore {
    MemoryStore::with_history(History {
        events: 10,
        ..History::default()
    })
}

fn resume(bucket: &dyn Bucket, token: &ResumeToken) -> keywell_store::Watch {
    now(bucket.watch(Filter::All, Since::After(token.clone())))
}

#[tokio::test]
async fn every_operation_that_writes_is_delivered_and_no_other() {
    let bucket = bucket();
    let mut events = watch(&*bucket);
    set(&*bucket, "a", "1");
    now(bucket.increment("a", 1));
    now(bucket.delete("a"));
    now(bucket.delete("a"));
    now(bucket.swap("a", Expected::Absent, Change::Delete));
    let create = Change::Set("3".into(), Set::default());
    now(bucket.swap("a", Expected::Absent, create.clone()));
    now(bucket.swap("a", Expected::Absent, create));
    let seen = Expected::from(get(&*bucket, "a").as_ref());
    now(bucket.swap("a", seen, Change::Delete));
    now(bucket.set_many(vec![("b", "4".into()), ("c", "5".into())]));
    now(bucket.delete_many(&["b", "none", "c"]));
    set(&*bucket, "end", "");
    assert_eq!(
        next_few(&mut events, 10).await,
        [
            "a=1", "a=2", "-a", "a=3", "-a", "b=4", "c=5", "-b", "-c", "end="
        ]
    );
}

#[tokio::test]
async fn an_event_has_the_value_and_version_of_its_write() {
    let bucket = bucket();
    let mut events = watch(&*bucket);
    let version = set(&*bucket, "k", "then");
    set(&*bucket, "k", "now");
    let Event::Set {
        value,
        version: delivered,
        ..
    } = next(&mut events).await
    else {
        panic!("it was set");
    };
    assert_eq!(value, "then");
    assert_eq!(
        delivered.and_then(|version| version.as_u64()),
        Some(version)
    );
}

#[tokio::test]
async fn a_filter_lets_through_its_key_or_prefix() {
    let bucket = bucket();
    let mut key = now(bucket.watch(Filter::Key("a/1".into()), Since::Now));
    let mut prefix = now(bucket.watch(Filter::Prefix("a/".into()), Since::Now));
    for name in ["a", "a/1", "a/10", "b", "a/2", "a/1"] {
        set(&*bucket, name, "");
    }
    assert_eq!(next_few(&mut key, 2).await, ["a/1=", "a/1="]);
    assert_eq!(
        next_few(&mut prefix, 4).await,
        ["a/1=", "a/10=", "a/2=", "a/1="]
    );
}

#[tokio::test]
async fn two_watches_do_not_disturb_each_other() {
    let bucket = bucket();
    let mut one = watch(&*bucket);
    set(&*bucket, "a", "1");
    let mut two = watch(&*bucket);
    set(&*bucket, "b", "2");
    assert_eq!(short(&next(&mut two).await), "b=2");
    drop(two);
    set(&*bucket, "c", "3");
    assert_eq!(next_few(&mut one, 3).await, ["a=1", "b=2", "c=3"]);
}

#[tokio::test]
async fn a_waiting_watch_is_woken_by_a_write() {
    let bucket = bucket();
    let mut events = watch(&*bucket);
    assert!(events.next().now_or_never().is_none());
    let waiting = tokio::spawn(async move { short(&next(&mut events).await) });
    tokio::task::yield_now().await;
    set(&*bucket, "k", "v");
    assert_eq!(waiting.await.expect("it does not panic"), "k=v");
}

#[tokio::test]
async fn a_write_while_a_watch_falls_asleep_wakes_it() {
    const ROUNDS: usize = 20_000;
    let bucket = bucket();
    let mut events = watch(&*bucket);
    let received = Arc::new(AtomicUsize::new(0));
    let writer = thread::spawn({
        let (bucket, received) = (bucket.clone(), received.clone());
        move || {
            for round in 0..ROUNDS {
                while received.load(Ordering::Acquire) < round {
                    thread::yield_now();
                }
                // A little later each time, to hit every step before the sleep.
                for _ in 0..round % 300 {
                    hint::spin_loop();
                }
                set(&*bucket, "k", "");
            }
        }
    });
    for round in 1..=ROUNDS {
        next(&mut events).await;
        received.store(round, Ordering::Release);
    }
    writer.join().expect("it does not panic");
}

#[tokio::test]
async fn a_watch_resumed_from_any_token_loses_none_and_repeats_none() {
    let bucket = bucket();
    let mut events = watch(&*bucket);
    let mut tokens = vec![events.start().expect("it can be resumed").clone()];
    let mut texts = Vec::new();
    for number in 0..20 {
        set(&*bucket, &format!("k{}", number % 3), number.to_string());
        let event = next(&mut events).await;
        tokens.push(event.token().expect("it can be resumed").clone());
        texts.push(short(&event));
    }
    drop(events);
    set(&*bucket, "unwatched", "");
    texts.push("unwatched=".into());
    for (skipped, token) in tokens.iter().enumerate() {
        let mut resumed = resume(&*bucket, token);
        assert_eq!(resumed.start(), Some(token));
        let rest = next_few(&mut resumed, texts.len() - skipped).await;
        assert_eq!(rest, texts[skipped..]);
        assert!(resumed.next().now_or_never().is_none());
    }
}

#[tokio::test]
async fn a_token_further_back_than_the_history_is_refused() {
    let bucket = open(&small(), "");
    let mut events = watch(&*bucket);
    let start = events.start().expect("it can be resumed").clone();
    set(&*bucket, "k", "0");
    let first = next(&mut events).await.token().cloned().unwrap();
    for number in 1..=10 {
        set(&*bucket, "k", number.to_string());
    }
    let since = Since::After(start);
    assert_eq!(
        invalid(bucket.watch(Filter::All, since)),
        Invalid::Compacted
    );
    let mut resumed = resume(&*bucket, &first);
    assert_eq!(next_few(&mut resumed, 10).await[9], "k=10");
}

#[tokio::test]
async fn a_watch_that_falls_behind_the_history_ends_with_an_error() {
    let bucket = open(&small(), "");
    let mut events = watch(&*bucket);
    set(&*bucket, "k", "0");
    assert_eq!(short(&next(&mut events).await), "k=0");
    for number in 1..=11 {
        set(&*bucket, "k", number.to_string());
    }
    let end = events.next().await.expect("it says why it ends");
    assert!(matches!(end, Err(Error::Invalid(Invalid::Compacted))));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn tokens_of_another_bucket_or_store_are_refused() {
    let store = MemoryStore::new();
    let bucket = open(&store, "a");
    let token = watch(&*bucket).start().expect("it can be resumed").clone();
    for other in [open(&store, "b"), open(&MemoryStore::new(), "a")] {
        let since = Since::After(token.clone());
        assert_eq!(invalid(other.watch(Filter::All, since)), Invalid::Token);
    }
    let text = token.as_str();
    let future = format!("{}-999", text.rsplit_once('-').unwrap().0);
    for text in ["", "0", future.as_str()] {
        let since = Since::After(ResumeToken::from(text.to_owned()));
        let refused = invalid(bucket.watch(Filter::All, since));
        assert_eq!(refused, Invalid::Token, "{text:?}");
    }
}

#[tokio::test]
async fn a_watch_opened_during_writes_delivers_all_that_begin_after_it() {
    // The first watch of a bucket starts the recording, which must not lose a write.
    for _ in 0..200 {
        let bucket = bucket();
        let writer = {
            let bucket = bucket.clone();
            thread::spawn(move || {
                for number in 0..100 {
                    now(bucket.increment(&format!("k{}", number % 10), 1));
                }
            })
        };
        let mut events = watch(&*bucket);
        set(&*bucket, "mine", "");
        writer.join().expect("it does not panic");
        set(&*bucket, "end", "");
        let mut versions = Vec::new();
        let mut mine = false;
        loop {
            let Event::Set { key, version, .. } = next(&mut events).await else {
                panic!("nothing is deleted");
            };
            versions.push(version.and_then(|version| version.as_u64()).unwrap());
            mine |= key == "mine";
            if key == "end" {
                break;
            }
        }
        assert!(mine);
        let first = versions[0];
        assert!(versions.into_iter().eq(first..=102), "none is missing");
    }
}

#[tokio::test]
async fn events_of_a_key_are_in_order_with_many_writing_threads() {
    const THREADS: usize = 8;
    let bucket = bucket();
    let mut events = watch(&*bucket);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for number in 0..1000 {
                    now(bucket.increment(&format!("k{}", number % 5), 1));
                }
            });
        }
    });
    let mut counts: HashMap<String, usize> = HashMap::new();
    for _ in 0..THREADS * 1000 {
        let Event::Set { key, value, .. } = next(&mut events).await else {
            panic!("nothing is deleted");
        };
        let count = counts.entry(key).or_default();
        *count += 1;
        assert_eq!(value, count.to_string());
    }
    assert!(counts.into_values().all(|count| count == THREADS * 200));
}

#[tokio::test]
async fn a_watch_outlives_the_handles_on_its_store() {
    let store = MemoryStore::new();
    let bucket = open(&store, "");
    let mut events = watch(&*bucket);
    set(&*bucket, "k", "v");
    drop((store, bucket));
    assert_eq!(short(&next(&mut events).await), "k=v");
    assert!(events.next().now_or_never().is_none());
}

#[tokio::test]
async fn a_bucket_of_keywell_itself_is_watched_live_with_a_gap_where_it_lags() {
    let store = MemoryStore::default();
    let own = open(&store, "keywell-triggers");
    let mut lagging = watch(&*own);
    assert_eq!(lagging.start(), None);
    set(&*own, "k", "1");
    assert_eq!(next_few(&mut lagging, 1).await, ["k=1"]);
    for _ in 0..1000 {
        set(&*own, "k", "2");
    }
    assert_eq!(next(&mut lagging).await, Event::Gap);
    set(&*own, "k", "3");
    let Event::Set { value, token, .. } = next(&mut lagging).await else {
        panic!("it was set");
    };
    assert_eq!((&value[..], token), (&b"3"[..], None));
    let user = watch(&*open(&store, "user"));
    let since = Since::After(user.start().unwrap().clone());
    assert_eq!(invalid(own.watch(Filter::All, since)), Invalid::Token);
}
