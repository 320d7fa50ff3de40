//! Counters and swaps by many at once, on two links.

use std::collections::HashSet;

use futures::future::join_all;
use keywell_servers::Redis;
use keywell_store::{Change, Error, Expected, Invalid, Set, Swap};

use crate::support::{Handle, ask, bucket, get, open, orders, set};

const TASKS: usize = 64;
const ROUNDS: usize = 20;

async fn two_links(redis: &Redis) -> [Handle; 2] {
    [
        bucket(&open(redis, "").await).await,
        bucket(&open(redis, "&connections=3").await).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_of_64_tasks_are_each_counted_once() {
    let redis = Redis::start().await.unwrap();
    let links = two_links(&redis).await;
    let tasks = (0..TASKS).map(|task| {
        let bucket = links[task % 2].clone();
        tokio::spawn(async move {
            let mut answers = Vec::new();
            for _ in 0..ROUNDS {
                answers.push(bucket.increment("n", 1).await.unwrap());
            }
            answers
        })
    });
    let answers: Vec<i64> = join_all(tasks)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    let different: HashSet<i64> = answers.iter().copied().collect();
    assert_eq!(different.len(), TASKS * ROUNDS);
    assert_eq!(ask(&redis, &["GET", ":keywell:{orders}=n"]).await, "1280");
}

#[tokio::test(flavor = "multi_thread")]
async fn swaps_of_64_tasks_lose_no_step() {
    let redis = Redis::start().await.unwrap();
    let links = two_links(&redis).await;
    set(&links[0], "n", "0").await;
    let tasks = (0..TASKS).map(|task| {
        let bucket = links[task % 2].clone();
        tokio::spawn(async move {
            let mut stale = 0;
            loop {
                let entry = get(&bucket, "n").await.unwrap();
                let number: u64 = std::str::from_utf8(&entry.value).unwrap().parse().unwrap();
                let next = Change::Set((number + 1).to_string().into(), Set::default());
                let expected = Expected::At(entry.version);
                match bucket.swap("n", expected, next).await.unwrap() {
                    Swap::Done(_) => return stale,
                    Swap::Stale => stale += 1,
                }
            }
        })
    });
    let stale: u32 = join_all(tasks).await.into_iter().map(Result::unwrap).sum();
    assert!(stale > 0, "none of them met");
    assert_eq!(get(&links[1], "n").await.unwrap().value, "64");
}

#[tokio::test]
async fn a_counter_is_exact_past_what_a_float_holds() {
    let (_redis, bucket) = orders("").await;
    let far = (1 << 53) + 1;
    assert_eq!(bucket.increment("n", far).await.unwrap(), far);
    assert_eq!(bucket.increment("n", 2).await.unwrap(), far + 2);
    assert_eq!(bucket.increment("m", i64::MIN).await.unwrap(), i64::MIN);
    let refused = bucket.increment("m", -1).await.unwrap_err();
    assert!(
        matches!(refused, Error::Invalid(Invalid::Overflow)),
        "{refused}"
    );
    assert_eq!(bucket.increment("m", i64::MAX).await.unwrap(), -1);
}

/// What another program put in the place of a value is reported as what it is.
#[tokio::test]
async fn a_value_of_another_type_is_not_counted_on() {
    let (redis, bucket) = orders("").await;
    set(&bucket, "n", "1").await;
    ask(&redis, &["DEL", ":keywell:{orders}=n"]).await;
    ask(&redis, &["RPUSH", ":keywell:{orders}=n", "x"]).await;
    let refused = bucket.increment("n", 1).await.unwrap_err();
    assert!(matches!(refused, Error::Corrupt(_)), "{refused}");
    assert_eq!(get(&bucket, "n").await, None);
    set(&bucket, "n", "2").await;
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 3);
}
