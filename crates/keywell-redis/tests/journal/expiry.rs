//! The end of a key's time, in index, version and stream.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use keywell_servers::Redis;
use keywell_servers::resp::Reply;
use keywell_store::{Event, Expected, List};

use crate::support::{
    ask, ask_all, ask_number, bucket, get, next, open, orders, received, received_many, set,
    set_for, silent, until, watch,
};

const SHORT: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_hours(1);

/// Waits until the server says that a value is gone, whatever the journal knows of it.
async fn value_gone(redis: &Redis, name: &str) {
    until("the value to vanish", || async {
        match ask_number(redis, &["EXISTS", name]).await {
            0 => Ok(()),
            _ => Err(Box::new("it is there") as _),
        }
    })
    .await;
}

/// When a key's time ends, in Unix milliseconds. `PEXPIRETIME` is not in 6.2.
async fn deadline(redis: &Redis, name: &str) -> i64 {
    const SCRIPT: &str = "local function now() \
         local time = redis.call('TIME') \
         return time[1] * 1000 + math.floor(time[2] / 1000) \
         end \
         local before = now() \
         local left = redis.call('PTTL', KEYS[1]) \
         return {before, left, now()}";
    loop {
        let answered = redis.command(&["EVAL", SCRIPT, "1", name]).await.unwrap();
        match answered.items() {
            // Of one millisecond, so it is known when the rest began.
            [Reply::Int(before), Reply::Int(left), Reply::Int(after)] if before == after => {
                assert!(*left > 0, "{left}");
                return before + left;
            }
            [_, _, _] => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_deadline_of_the_value_and_that_of_the_journal_are_one() {
    let (redis, bucket) = orders("").await;
    set_for(&bucket, "k", "1", LONG).await;
    bucket.increment("k", 1).await.unwrap();
    let due = ask(&redis, &["ZSCORE", ":keywell:{orders}:due", "k"]).await;
    let value = deadline(&redis, ":keywell:{orders}=k").await;
    assert_eq!(due, value.to_string());
    set(&bucket, "k", "w").await;
    let value = ask_number(&redis, &["PTTL", ":keywell:{orders}=k"]).await;
    assert_eq!(value, -1);
    assert_eq!(
        ask_number(&redis, &["EXISTS", ":keywell:{orders}:due"]).await,
        0
    );
}

/// Without a watch nothing sweeps: the next write of the key has to emit the expiry first.
#[tokio::test]
async fn a_write_after_an_expiry_emits_the_expiry_first() {
    let (redis, bucket) = orders("").await;
    let start = watch(&bucket).await.start().unwrap().clone();
    for key in ["set", "swap", "count", "delete"] {
        set_for(&bucket, key, "1", SHORT).await;
    }
    value_gone(&redis, ":keywell:{orders}=delete").await;
    // One key at a time, and each write sweeps: so what each finds is its own.
    set(&bucket, "set", "w").await;
    let swap = keywell_store::Change::Set("w".into(), keywell_store::Set::default());
    bucket.swap("swap", Expected::Absent, swap).await.unwrap();
    assert_eq!(bucket.increment("count", 5).await.unwrap(), 5);
    bucket.delete("delete").await.unwrap();

    let mut resumed = crate::support::resumed(&bucket, &start).await;
    let all = received_many(&mut resumed, 11).await;
    let of = |key: &str| -> Vec<&str> {
        let own = all.iter().map(String::as_str);
        own.filter(|event| event.trim_start_matches(['-', '~']).split('=').next() == Some(key))
            .collect()
    };
    assert_eq!(of("set"), ["set=1", "~set", "set=w"]);
    assert_eq!(of("swap"), ["swap=1", "~swap", "swap=w"]);
    assert_eq!(of("count"), ["count=1", "~count", "count=5"]);
    assert_eq!(of("delete"), ["delete=1", "~delete"]);
    silent(&mut resumed).await;
}

/// The sweep of a write ends sixteen others at most; the key itself is ended in any case.
#[tokio::test]
async fn a_key_behind_many_that_ended_is_ended_before_it_is_written() {
    let (redis, bucket) = orders("").await;
    let start = watch(&bucket).await.start().unwrap().clone();
    let many: Vec<String> = (0..300).map(|n| format!("a{n}")).collect();
    join_all(many.iter().map(|key| set_for(&bucket, key, "v", SHORT * 8))).await;
    set_for(&bucket, "z", "v", SHORT * 8).await;
    value_gone(&redis, ":keywell:{orders}=z").await;
    set(&bucket, "z", "w").await;
    let left = ask_number(&redis, &["ZCARD", ":keywell:{orders}:due"]).await;
    assert!(left > 100, "a write swept {} ends", 300 - left);

    // Those that are left are in no answer.
    assert_eq!(get(&bucket, "a299").await, None);
    assert!(!bucket.exists("a299").await.unwrap());
    let page = bucket.list(List::default()).await.unwrap();
    assert_eq!((page.keys, page.cursor), (vec!["z".to_owned()], None));

    let mut resumed = crate::support::resumed(&bucket, &start).await;
    let all = received_many(&mut resumed, 300 * 2 + 3).await;
    let of_z: Vec<&String> = all.iter().filter(|event| event.contains('z')).collect();
    assert_eq!(of_z, ["z=v", "~z", "z=w"]);
    silent(&mut resumed).await;
}

#[tokio::test]
async fn a_page_has_nothing_that_ended_though_more_ended_than_are_swept() {
    let (redis, bucket) = orders("").await;
    let many: Vec<String> = (0..900).map(|n| format!("a{n:03}")).collect();
    join_all(many.iter().map(|key| set_for(&bucket, key, "v", SHORT * 3))).await;
    set(&bucket, "z", "v").await;
    for key in &many {
        value_gone(&redis, &format!(":keywell:{{orders}}={key}")).await;
    }
    let mut request = List {
        limit: 10,
        ..List::default()
    };
    let mut keys = Vec::new();
    loop {
        let page = bucket.list(request.clone()).await.unwrap();
        keys.extend(page.keys);
        request.cursor = page.cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    assert_eq!(keys, ["z"]);
}

/// The reader alone delivers all of them, each once, and beside other writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_expiries_at_once_are_each_delivered_once() {
    let (redis, bucket) = orders("").await;
    let mut watching = watch(&bucket).await;
    let many: Vec<String> = (0..1000).map(|n| format!("k{n}")).collect();
    join_all(many.iter().map(|key| set_for(&bucket, key, "v", SHORT * 5))).await;
    let busy = bucket.clone();
    let writer = tokio::spawn(async move {
        for n in 0..300 {
            set(&busy, "busy", n.to_string()).await;
        }
    });
    let mut ends: HashMap<String, u32> = HashMap::new();
    let mut busy = Vec::new();
    for _ in 0..2300 {
        match next(&mut watching).await {
            Event::Delete { key, expired, .. } => {
                assert!(expired, "{key}");
                *ends.entry(key).or_default() += 1;
            }
            Event::Set { key, value, .. } if key == "busy" => busy.push(value),
            _ => {}
        }
    }
    writer.await.unwrap();
    silent(&mut watching).await;
    assert_eq!(ends.len(), 1000);
    assert!(ends.values().all(|count| *count == 1));
    assert!(
        busy.iter()
            .map(AsRef::as_ref)
            .eq((0..300).map(|n| n.to_string().into_bytes()))
    );
    for left in ["due", "versions", "index"] {
        let name = format!(":keywell:{{orders}}:{left}");
        let keys = match left {
            "versions" => ask_all(&redis, &["HKEYS", &name]).await,
            _ => ask_all(&redis, &["ZRANGE", &name, "0", "-1"]).await,
        };
        assert!(
            keys.len() <= 1 && keys.iter().all(|key| key == "busy"),
            "{left}: {keys:?}"
        );
    }
}

/// Two links sweep the same shard; each expiry is delivered once to each.
#[tokio::test(flavor = "multi_thread")]
async fn two_readers_end_a_time_once() {
    let redis = keywell_servers::Redis::start().await.unwrap();
    let (one, other) = (open(&redis, "").await, open(&redis, "").await);
    let (one, other) = (bucket(&one).await, bucket(&other).await);
    let (mut first, mut second) = (watch(&one).await, watch(&other).await);
    for round in 0..20 {
        let key = format!("k{round}");
        set_for(&one, &key, "v", Duration::from_millis(5)).await;
        for watching in [&mut first, &mut second] {
            assert_eq!(received(watching).await, format!("{key}=v"));
            assert_eq!(received(watching).await, format!("~{key}"));
        }
    }
    silent(&mut first).await;
    silent(&mut second).await;
}

#[tokio::test]
async fn a_longer_and_a_shorter_time_move_the_end() {
    let (_redis, bucket) = orders("").await;
    let mut watching = watch(&bucket).await;
    set_for(&bucket, "k", "long", LONG).await;
    set_for(&bucket, "k", "short", SHORT).await;
    set_for(&bucket, "j", "short", SHORT).await;
    set_for(&bucket, "j", "long", LONG).await;
    let all = received_many(&mut watching, 5).await;
    assert_eq!(all, ["k=long", "k=short", "j=short", "j=long", "~k"]);
    silent(&mut watching).await;
    assert!(bucket.exists("j").await.unwrap());
}

#[tokio::test]
async fn a_bucket_whose_last_key_expired_is_no_longer_listed() {
    let redis = keywell_servers::Redis::start().await.unwrap();
    let store = open(&redis, "").await;
    let bucket = bucket(&store).await;
    set_for(&bucket, "k", "v", SHORT).await;
    assert_eq!(store.buckets().await.unwrap().len(), 1);
    value_gone(&redis, ":keywell:{orders}=k").await;
    assert!(store.buckets().await.unwrap().is_empty());
}
