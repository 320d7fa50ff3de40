use keywell_runtime::watch::WatchOptions;

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_triggers_itself_is_stopped() {
    for (key, start) in [("again:k", "0"), ("count:k", "0"), ("flip:k", "x")] {
        let store = memory();
        let (watched, record) = (open(&store, "").await, open(&store, "record").await);
        let few = WatchOptions {
            hops: 5,
            ..options()
        };
        let process = Process::new();
        let trigger = process
            .try_watch(&store, target("SET@*,DEL@*"), &few)
            .await
            .unwrap();
        set(&watched, key, start).await;
        let letter = letter(&store, |letter| letter.key == key).await;
        assert!(
            letter.reason.contains("triggers itself"),
            "{}",
            letter.reason
        );
        assert_eq!(letter.attempts, 0);
        // The first is no delivery's effect, and five more may follow.
        assert_eq!(
            text(&record, &format!("attempts/{key}")).await.unwrap(),
            "6"
        );
        // A write from outside starts a new chain.
        set(&watched, key, start).await;
        until(&record, &format!("attempts/{key}"), |attempts| {
            attempts == "12"
        })
        .await;
        trigger.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_by_keywells_own_interface_is_a_hop_too() {
    let few = WatchOptions {
        hops: 5,
        ..options()
    };
    for how in [
        "set",
        "swap",
        "flip",
        "increment",
        "batch",
        "transact",
        "count",
    ] {
        let key = format!("{how}:k");
        let store = memory();
        let (watched, record) = (open(&store, "").await, open(&store, "record").await);
        let process = Process::of("reactor_keywell");
        let trigger = process
            .try_watch(&store, target("SET@*,DEL@*"), &few)
            .await
            .unwrap();
        set(&watched, &key, "0").await;
        let letter = letter(&store, |letter| letter.key == key).await;
        assert!(
            letter.reason.contains("triggers itself"),
            "{key}: {}",
            letter.reason
        );
        let attempts = format!("attempts/{key}");
        assert_eq!(text(&record, &attempts).await.unwrap(), "6", "{key}");
        trigger.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_triggers_that_set_each_other_off_are_stopped() {
    let store = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let few = WatchOptions {
        hops: 5,
        ..options()
    };
    let named = |name: &str, subscriptions| keywell_runtime::watch::WatchTarget {
        name: Some(name.to_owned()),
        ..target(subscriptions)
    };
    // One deletes what is set, the other sets what is deleted.
    let setting = process
        .try_watch(&store, named("a", "SET@flip:*"), &few)
        .await
        .unwrap();
    let deleting = process
        .try_watch(&store, named("b", "DEL@flip:*"), &few)
        .await
        .unwrap();
    set(&watched, "flip:k", "x").await;
    let letter = letter(&store, |letter| letter.key == "flip:k").await;
    assert!(
        letter.reason.contains("triggers itself"),
        "{}",
        letter.reason
    );
    assert_eq!(text(&record, "attempts/flip:k").await.unwrap(), "6");
    let (setting, deleting) = (setting.stop().await, deleting.stop().await);
    assert_eq!(setting.delivered + deleting.delivered, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_from_outside_are_no_hops_however_many() {
    let store = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let none = WatchOptions {
        hops: 0,
        ..options()
    };
    let process = Process::new();
    let trigger = process
        .try_watch(&store, target("SET@k"), &none)
        .await
        .unwrap();
    for _ in 0..30 {
        set(&watched, "k", "v").await;
    }
    until(&record, "log/k", |log| log == "v;".repeat(30)).await;
    assert_eq!(trigger.stop().await.delivered, 30);
}
