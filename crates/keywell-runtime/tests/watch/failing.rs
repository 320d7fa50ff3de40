use std::time::Duration;

use bytes::Bytes;
use keywell_runtime::watch::{WatchOptions, WatchTarget, WatchedOperation};
use keywell_store::layer::{Method, Script};
use keywell_store::{Error, Set};

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trap_is_retried_while_later_events_of_the_key_wait() {
    let store = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let trigger = Process::new().watch(&store, "SET@*").await;
    set(&watched, "trap:3:k", "1").await;
    set(&watched, "trap:3:k", "2").await;
    until(&record, "log/trap:3:k", |log| log == "1;2;").await;
    assert_eq!(text(&record, "attempts/trap:3:k").await.unwrap(), "5");
    let counts = trigger.stop().await;
    assert_eq!((counts.delivered, counts.retried, counts.dead), (2, 3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_for_good_goes_to_the_dead_letters_and_delays_no_other_key() {
    let store = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let trigger = Process::new().watch(&store, "SET@*,DEL@*").await;
    let binary = Bytes::from_static(b"\xff\x00");
    watched
        .set("trap:", binary.clone(), Set::default())
        .await
        .unwrap();
    watched.delete("exit:").await.unwrap();
    set(&watched, "exit:", "x").await;
    watched.delete("exit:").await.unwrap();
    set(&watched, "k", "1").await;
    until(&record, "log/k", |log| log == "1;").await;
    let trapped = letter(&store, |letter| letter.key == "trap:").await;
    assert_eq!(trapped.value, Some(binary));
    assert_eq!(
        (trapped.operation, trapped.attempts),
        (WatchedOperation::Set, 4)
    );
    assert_eq!(trapped.component, "reactor.wasm");
    assert!(trapped.reason.contains("unreachable"), "{}", trapped.reason);
    assert!(!trapped.reason.contains('\n'), "{}", trapped.reason);
    let removed = letter(&store, |letter| {
        letter.key == "exit:" && letter.operation == WatchedOperation::Delete
    });
    assert_eq!(removed.await.value, None);
    let counts = trigger.stop().await;
    assert_eq!((counts.delivered, counts.retried, counts.dead), (1, 9, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_ends_at_the_deadline() {
    let store = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let hasty = WatchOptions {
        deadline: Some(Duration::from_millis(100)),
        retries: 1,
        ..options()
    };
    let process = Process::new();
    let trigger = process
        .try_watch(&store, target("SET@loop:*"), &hasty)
        .await
        .unwrap();
    set(&watched, "loop:k", "1").await;
    let letter = letter(&store, |letter| letter.key == "loop:k").await;
    assert!(
        letter.reason.contains("longer than 100ms"),
        "{}",
        letter.reason
    );
    assert_eq!(letter.attempts, 2);
    assert_eq!(text(&record, "attempts/loop:k").await.unwrap(), "2");
    trigger.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_that_is_sent_again_is_gone_when_it_arrives() {
    let store = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let trigger = Process::new().watch(&store, "SET@*").await;
    set(&watched, "trap:8:k", "v").await;
    let dead = letter(&store, |letter| letter.key == "trap:8:k").await;
    let letters = letters(&store).await;
    // The first time it fails four times more, and is back.
    assert!(letters.replay(&dead.id).await.unwrap());
    let again = letter(&store, |letter| {
        letter.at_millis >= dead.at_millis && !letter.is_replaying && letter != &dead
    });
    assert_eq!(again.await.id, dead.id);
    assert_eq!(text(&record, "attempts/trap:8:k").await.unwrap(), "8");
    assert!(letters.replay(&dead.id).await.unwrap());
    until(&record, "log/trap:8:k", |log| log == "v;").await;
    let counts = trigger.stop().await;
    assert_eq!((counts.delivered, counts.dead), (1, 2));
    assert_eq!(letters.get(&dead.id).await.unwrap(), None);
    assert!(!letters.replay(&dead.id).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_marked_while_no_trigger_runs_is_delivered_at_the_next_start() {
    let store = memory();
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let trigger = process.watch(&store, "SET@*").await;
    set(&watched, "trap:4:k", "v").await;
    let dead = letter(&store, |letter| letter.key == "trap:4:k").await;
    trigger.stop().await;
    let letters = letters(&store).await;
    assert!(letters.replay(&dead.id).await.unwrap());
    assert!(letters.get(&dead.id).await.unwrap().unwrap().is_replaying);
    let trigger = process.watch(&store, "SET@*").await;
    until(&record, "log/trap:4:k", |log| log == "v;").await;
    assert_eq!(trigger.stop().await.delivered, 1);
    assert_eq!(letters.list(None, None).await.unwrap().letters, []);
    assert!(!letters.remove(&dead.id).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_whose_letter_cannot_be_written_is_not_lost() {
    let (store, elsewhere) = (memory(), memory());
    let script = Script::of(&[Method::Set]);
    script.fail(&Error::Unavailable("full".into()));
    let refusing = faulty(&elsewhere, &script);
    let target = WatchTarget {
        dead_letters: (Some(refusing), name(WatchTarget::DEAD_LETTERS)),
        ..target("SET@*")
    };
    let (watched, record) = (open(&store, "").await, open(&store, "record").await);
    let process = Process::new();
    let trigger = process
        .try_watch(&store, target.clone(), &options())
        .await
        .unwrap();
    set(&watched, "trap:", "1").await;
    let refused = script.until(|counts| counts.failed >= 3);
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    set(&watched, "k", "2").await;
    until(&record, "log/k", |log| log == "2;").await;
    assert_eq!(trigger.stop().await.dead, 0);
    // The position stayed before it, so the next start has it again.
    script.mend();
    let trigger = process.try_watch(&store, target, &options()).await.unwrap();
    let letter = letter(&elsewhere, |letter| letter.key == "trap:").await;
    assert_eq!(letter.value.unwrap(), "1");
    assert_eq!(trigger.stop().await.dead, 1);
}
