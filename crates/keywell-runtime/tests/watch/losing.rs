use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use keywell_runtime::watch::{Backoff, WatchOptions};
use keywell_store::Store;
use serde_json::{Value, json};

use crate::sharing::{group, public};
use crate::support::*;

/// Sets keys whose events fail at once, and marks their letters to be sent again.
async fn marked(store: &Arc<dyn Store>, keys: &[String]) {
    let hopeless = WatchOptions {
        retries: 0,
        deadline: Some(Duration::from_millis(500)),
        ..options()
    };
    let (process, watched) = (Process::new(), open(store, "").await);
    let trigger = process.try_watch(store, target("SET@*"), &hopeless).await;
    let mut ids = Vec::new();
    for key in keys {
        set(&watched, key, "v").await;
        ids.push(letter(store, |letter| letter.key == *key).await.id);
    }
    trigger.unwrap().stop().await;
    let letters = letters(store).await;
    for id in ids {
        assert!(letters.replay(&id).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_whose_letters_are_being_sent_again_is_given_away_when_they_are_through() {
    let store = public();
    let (state, record) = (
        open(&store, "keywell-triggers").await,
        open(&store, "record").await,
    );
    let keys: Vec<String> = (0..20).map(|key| format!("trap:2:k{key}")).collect();
    marked(&store, &keys).await;
    let pause = Duration::from_secs(3);
    let slow = WatchOptions {
        lease: Duration::from_secs(2),
        backoff: Backoff {
            first: pause,
            most: pause,
        },
        ..options()
    };
    let (one, two) = (Process::new(), Process::new());
    let first = one.try_watch(&store, target("SET@*"), &slow).await.unwrap();
    for key in &keys {
        until(&record, &format!("attempts/{key}"), |tried| tried == "2").await;
    }
    let second = two.try_watch(&store, target("SET@*"), &slow).await.unwrap();
    until(&state, &group(), |record| {
        let record: Value = serde_json::from_str(record).unwrap();
        let owners = record["owners"].as_object().unwrap();
        let members: BTreeSet<_> = owners.values().map(|owner| owner.as_str()).collect();
        owners.len() == 16 && members.len() == 2
    })
    .await;
    for key in &keys {
        until(&record, &format!("log/{key}"), |log| log == "v;").await;
    }
    let (first, second) = (first.stop().await, second.stop().await);
    assert_eq!((first.delivered, second.delivered), (20, 0));
    for key in &keys {
        let log = text(&record, &format!("log/{key}")).await.unwrap();
        assert_eq!(log, "v;", "{key} was sent twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_whose_share_is_lost_is_not_tried_again() {
    let store = public();
    let (state, record) = (
        open(&store, "keywell-triggers").await,
        open(&store, "record").await,
    );
    marked(&store, &["loop:k".to_owned()]).await;
    let stubborn = WatchOptions {
        deadline: Some(Duration::from_secs(3)),
        backoff: Backoff {
            first: Duration::ZERO,
            most: Duration::ZERO,
        },
        lease: Duration::from_secs(30),
        ..options()
    };
    let process = Process::new();
    let trigger = process.try_watch(&store, target("SET@*"), &stubborn).await;
    let trigger = trigger.unwrap();
    until(&record, "attempts/loop:k", |tried| tried == "2").await;
    // Others take it for dead, and have all shares.
    let owners: BTreeMap<String, &str> = (0..16).map(|share| (share.to_string(), "ff")).collect();
    let shared: Value = serde_json::from_str(&text(&state, &group()).await.unwrap()).unwrap();
    let about = &shared["about"];
    let taken = json!({ "members": { "ff": 1 }, "owners": owners, "about": about });
    set(&state, &group(), &taken.to_string()).await;
    until(&state, &group(), |record| {
        let record: Value = serde_json::from_str(record).unwrap();
        record["members"].as_object().unwrap().len() == 2
    })
    .await;
    let failed = async {
        while trigger.counters.read().retried == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, failed).await.unwrap();
    trigger.stop().await;
    assert_eq!(text(&record, "attempts/loop:k").await.unwrap(), "2");
}
