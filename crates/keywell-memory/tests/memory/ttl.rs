use std::time::{Duration, Instant};

use futures::{FutureExt as _, StreamExt as _};
use keywell_memory::MemoryStore;
use keywell_store::{
    Bucket, BucketName, Change, Expected, Filter, Invalid, Set, Since, Store as _, Swap,
};

use crate::support::{
    PATIENCE, bucket, get, invalid, list, next, next_few, now, open, set, set_for, short, value,
    watch,
};

/// Waits until a key is gone, only by reading it.
async fn gone(bucket: &dyn Bucket, key: &str) {
    let start = Instant::now();
    while get(bucket, key).is_some() {
        assert!(start.elapsed() < PATIENCE, "{key} never expires");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_key_is_there_until_its_time_has_come_and_not_after() {
    let bucket = bucket();
    let start = Instant::now();
    set_for(&*bucket, "k", 200);
    assert!(now(bucket.exists("k")));
    gone(&*bucket, "k").await;
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert!(!now(bucket.exists("k")));
}

#[tokio::test]
async fn expired_keys_are_invisible_to_all_calls_before_they_are_removed() {
    let store = MemoryStore::new();
    let bucket = open(&store, "b");
    // One key to read, and others that are not accessed, so that they are not removed.
    let keys: Vec<String> = (0..200).map(|number| format!("k{number}")).collect();
    for key in &keys {
        set_for(&*bucket, key, 5);
    }
    set_for(&*bucket, "probe", 10);
    gone(&*bucket, "probe").await;

    assert_eq!(now(store.buckets()), []);
    assert!(list(&*bucket, "", 1000).is_empty());
    assert_eq!(now(bucket.get_many(&["k0", "k1"])), [None, None]);
    let at = Change::Set("new".into(), Set::default());
    let swap = now(bucket.swap("k2", Expected::Absent, at));
    assert!(matches!(swap, Swap::Done(Some(_))));
    assert_eq!(now(bucket.increment("k3", 5)), 5, "not added to the old");
    assert_eq!(now(store.buckets()), [BucketName::parse("b").unwrap()]);
    assert_eq!(list(&*bucket, "", 1000), ["k2", "k3"]);
}

#[tokio::test]
async fn expired_keys_that_are_too_many_to_clear_at_once_are_as_absent() {
    let bucket = bucket();
    let keys: Vec<String> = (0..4000).map(|number| format!("k{number}")).collect();
    for key in &keys {
        set_for(&*bucket, key, 500);
    }
    set_for(&*bucket, "probe", 500);
    gone(&*bucket, "probe").await;
    // The last to expire are the last to be cleared.
    for (number, key) in keys.iter().enumerate().rev() {
        if number % 2 == 0 {
            let create = Change::Set("1".into(), Set::default());
            let swap = now(bucket.swap(key, Expected::Absent, create));
            assert_ne!(swap, Swap::Stale, "{key}");
        } else {
            assert_eq!(now(bucket.increment(key, 1)), 1, "{key}");
        }
    }
}

#[tokio::test]
async fn an_expiration_is_delivered_once_and_promptly_without_an_access() {
    let bucket = bucket();
    let mut events = watch(&*bucket);
    let mut others = watch(&*bucket);
    set_for(&*bucket, "k", 20);
    assert_eq!(next_few(&mut events, 2).await, ["k=fleeting", "~k"]);
    assert_eq!(get(&*bucket, "k"), None);
    set(&*bucket, "k", "new");
    assert_eq!(short(&next(&mut events).await), "k=new");
    assert_eq!(
        next_few(&mut others, 3).await,
        ["k=fleeting", "~k", "k=new"]
    );
}

#[tokio::test]
async fn a_sleeping_watch_wakes_for_an_earlier_deadline() {
    let bucket = bucket();
    set_for(&*bucket, "late", 3_600_000);
    let mut events = now(bucket.watch(Filter::Key("soon".into()), Since::Now));
    assert!(events.next().now_or_never().is_none());
    set_for(&*bucket, "soon", 20);
    assert_eq!(next_few(&mut events, 2).await, ["soon=fleeting", "~soon"]);
}

#[tokio::test]
async fn keys_that_expire_together_are_each_delivered() {
    let bucket = bucket();
    let mut events = watch(&*bucket);
    for number in 0..3000 {
        set_for(&*bucket, &format!("k{number:04}"), 50);
    }
    let mut expired: Vec<String> = next_few(&mut events, 6000).await;
    expired.retain(|event| event.starts_with('~'));
    expired.sort();
    expired.dedup();
    assert_eq!(expired.len(), 3000);
}

#[tokio::test]
async fn a_key_written_again_after_its_time_expired_first() {
    let bucket = bucket();
    let mut events = watch(&*bucket);
    set_for(&*bucket, "k", 1);
    gone(&*bucket, "k").await;
    set(&*bucket, "k", "new");
    let events_seen = next_few(&mut events, 3).await;
    assert_eq!(events_seen, ["k=fleeting", "~k", "k=new"]);
}

#[tokio::test]
async fn an_increment_keeps_the_time_to_live() {
    let bucket = bucket();
    let mut events = watch(&*bucket);
    let how = Set::expiring(Duration::from_millis(200)).unwrap();
    now(bucket.set("n", "1".into(), how));
    assert_eq!(now(bucket.increment("n", 1)), 2);
    assert_eq!(next_few(&mut events, 3).await, ["n=1", "n=2", "~n"]);
}

#[tokio::test]
async fn a_set_without_a_time_to_live_ends_the_one_before() {
    let bucket = bucket();
    for key in ["set", "swap", "batch"] {
        set_for(&*bucket, key, 200);
    }
    set(&*bucket, "set", "kept");
    let seen = Expected::from(get(&*bucket, "swap").as_ref());
    let keep = Change::Set("kept".into(), Set::default());
    assert_ne!(now(bucket.swap("swap", seen, keep)), Swap::Stale);
    now(bucket.set_many(vec![("batch", "kept".into())]));

    set_for(&*bucket, "probe", 200);
    gone(&*bucket, "probe").await;
    for key in ["set", "swap", "batch"] {
        assert_eq!(value(&*bucket, key).as_deref(), Some("kept"), "{key}");
    }
}

#[tokio::test]
async fn a_later_set_moves_the_time_and_a_delete_forgets_it() {
    let bucket = bucket();
    let mut events = watch(&*bucket);
    set_for(&*bucket, "moved", 200);
    set_for(&*bucket, "moved", 3_600_000);
    set_for(&*bucket, "deleted", 200);
    now(bucket.delete("deleted"));
    set(&*bucket, "deleted", "new");
    set_for(&*bucket, "probe", 200);
    let events_seen = next_few(&mut events, 7).await;
    assert_eq!(
        events_seen[6], "~probe",
        "nothing expired before: {events_seen:?}"
    );
    assert!(now(bucket.exists("moved")) && now(bucket.exists("deleted")));
}

#[test]
fn times_out_of_range_are_refused_and_nothing_is_written() {
    let bucket = bucket();
    for ttl in [Duration::ZERO, Set::MAX_TTL + Duration::from_secs(1)] {
        let how = Set { ttl: Some(ttl) };
        assert_eq!(invalid(bucket.set("k", "v".into(), how)), Invalid::Ttl);
        let change = Change::Set("v".into(), how);
        let swap = bucket.swap("k", Expected::Absent, change);
        assert_eq!(invalid(swap), Invalid::Ttl);
    }
    assert_eq!(get(&*bucket, "k"), None);
    let longest = Set::expiring(Set::MAX_TTL).unwrap();
    now(bucket.set("k", "v".into(), longest));
    assert!(now(bucket.exists("k")));
}

#[tokio::test]
async fn a_watch_of_a_key_that_lives_a_hundred_years_sleeps() {
    let bucket = bucket();
    let mut events = watch(&*bucket);
    let longest = Set::expiring(Set::MAX_TTL).unwrap();
    now(bucket.set("k", "v".into(), longest));
    assert_eq!(short(&next(&mut events).await), "k=v");
    assert!(events.next().now_or_never().is_none());
    set(&*bucket, "k", "w");
    assert_eq!(short(&next(&mut events).await), "k=w");
}
