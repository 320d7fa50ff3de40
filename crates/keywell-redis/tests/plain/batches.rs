//! Batches that fail in part: no error says that nothing happened.

use std::sync::Arc;

use bytes::Bytes;
use keywell_servers::{Cluster, Redis};
use keywell_store::{Bucket, Error, Set};

use crate::support::{bucket, connect, server, until};

/// A user who is let near those keys alone that a pattern matches.
async fn admit(redis: &Redis, patterns: &[&str]) {
    let mut command = vec!["ACL", "SETUSER", "guest", "on", ">p", "&*", "+@all"];
    command.extend(patterns);
    redis.command(&command).await.expect("it has accounts");
}

fn entries(keys: &[String]) -> Vec<(&str, Bytes)> {
    keys.iter().map(|key| (&**key, "v".into())).collect()
}

fn names(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

async fn how_many(bucket: &Arc<dyn Bucket>, keys: &[String]) -> usize {
    let found = bucket.get_many(&names(keys)).await.expect("it reads");
    found.iter().flatten().count()
}

fn is_in_doubt_by_the_account(outcome: Result<(), Error>) {
    match outcome {
        Err(Error::Ambiguous(cause)) => {
            let cause = cause.to_string();
            assert!(cause.contains("this account"), "{cause}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_batch_that_an_account_may_write_in_part_is_in_doubt_on_a_cluster() {
    let cluster = Cluster::start(2, 0).await.unwrap();
    for node in cluster.nodes() {
        admit(node, &["~default:a*"]).await;
    }
    let at = cluster.addrs()[0];
    let guest = bucket(&connect(&format!("redis+cluster://guest:p@{at}")).await, "").await;
    let all = bucket(&connect(&format!("redis+cluster://{at}")).await, "").await;
    let own: Vec<String> = (0..10).map(|n| format!("a{n}")).collect();
    let others: Vec<String> = (0..10).map(|n| format!("b{n}")).collect();
    let both = [own.clone(), others.clone()].concat();
    is_in_doubt_by_the_account(guest.set_many(entries(&both)).await);
    assert_eq!(how_many(&all, &own).await, 10);
    all.set_many(entries(&both)).await.unwrap();
    is_in_doubt_by_the_account(guest.delete_many(&names(&both)).await);
    assert_eq!(how_many(&all, &both).await, 10);
    // Of what is refused in whole there is no doubt.
    for refused in [
        guest.set_many(entries(&others)).await,
        guest.delete_many(&names(&others)).await,
    ] {
        assert!(
            matches!(refused, Err(Error::AccessDenied(_))),
            "{refused:?}"
        );
    }
    guest.set_many(entries(&own)).await.unwrap();
}

#[tokio::test]
async fn a_batch_that_an_account_may_write_in_part_is_in_doubt_in_shards() {
    let redis = server().await;
    let first = "~:keywell:{default:0/4}*";
    admit(&redis, &["~:keywell:buckets", first]).await;
    let settings = "layout=journal&shards=4";
    let url = format!("redis://guest:p@{}?{settings}", redis.addr());
    let guest = bucket(&connect(&url).await, "").await;
    let all = format!("{}?{settings}", redis.url());
    let all = bucket(&connect(&all).await, "").await;
    let keys: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
    is_in_doubt_by_the_account(guest.set_many(entries(&keys)).await);
    let own = how_many(&all, &keys).await;
    assert!((1..40).contains(&own), "{own}");
    all.set_many(entries(&keys)).await.unwrap();
    is_in_doubt_by_the_account(guest.delete_many(&names(&keys)).await);
    assert_eq!(how_many(&all, &keys).await, 40 - own);
}

/// One node is silent and the other is gone: writes of the former may have happened, whichever of
/// the two is heard of first.
#[tokio::test]
async fn a_batch_that_was_sent_in_part_is_in_doubt() {
    // No node is to find out that the other is gone, and stop to serve for it.
    let node = Redis::builder().args(["--cluster-node-timeout", "60000"]);
    let cluster = Cluster::start_with(2, 0, node).await.unwrap();
    let [silent, gone] = cluster.nodes() else {
        panic!("there are two")
    };
    let url = format!("redis+cluster://{}?answer-timeout=300ms", silent.addr());
    let bucket = bucket(&connect(&url).await, "").await;
    let keys: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
    bucket.set_many(entries(&keys)).await.unwrap();
    let (mut kept, mut lost) = (None, None);
    for key in &keys {
        let slot = cluster.slot(&format!("default:{key}")).await.unwrap();
        let is_kept = cluster.owner(slot).await.unwrap().addr() == silent.addr();
        *if is_kept { &mut kept } else { &mut lost } = Some(key);
    }
    let (kept, lost) = (kept.expect("some key"), lost.expect("some key"));
    gone.kill().await.unwrap();
    until("the loss is noticed", || async {
        bucket.get(lost).await.is_err()
    })
    .await;
    for _ in 0..4 {
        for deletes in [false, true] {
            silent.freeze().unwrap();
            let written = if deletes {
                bucket.delete_many(&names(&keys)).await
            } else {
                bucket.set_many(entries(&keys)).await
            };
            assert!(matches!(written, Err(Error::Ambiguous(_))), "{written:?}");
            silent.thaw().unwrap();
            until("it answers again", || async {
                bucket.set(kept, "v".into(), Set::default()).await.is_ok()
            })
            .await;
        }
    }
}
