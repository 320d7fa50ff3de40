//! Instances that are made ahead of events.

use keywell_runtime::{Options, Runtime};

use crate::support::*;

/// A process with room for so many instances, whose component numbers its own.
fn process(instances: u32) -> Process {
    let options = Options {
        instances,
        timeout: PATIENCE,
        ..Options::default()
    };
    let runtime = Runtime::new(&options).unwrap();
    let wasm = wat::parse_str(include_str!("components/numbered.wat")).unwrap();
    let component = runtime.compile("numbered.wasm".as_ref(), &wasm).unwrap();
    Process { runtime, component }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_is_made_ahead_of_each_event() {
    let process = process(4);
    let store = memory();
    let bucket = open(&store, "default").await;
    let trigger = process.watch(&store, "SET@k").await;
    for number in ["1", "2", "3"] {
        until(&bucket, "made", |made| made == number).await;
        set(&bucket, "k", "v").await;
        until(&bucket, "by", |by| by == number).await;
    }
    trigger.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_made_ahead_leaves_its_slot_to_an_event() {
    let process = process(1);
    let (first, second) = (memory(), memory());
    let one = process.watch(&first, "SET@k").await;
    let other = process.watch(&second, "SET@k").await;
    for _ in 0..4 {
        for store in [&first, &second] {
            let bucket = open(store, "default").await;
            let written_by = text(&bucket, "by").await;
            set(&bucket, "k", "v").await;
            until(&bucket, "by", |by| Some(by) != written_by.as_deref()).await;
        }
    }
    assert_eq!(one.stop().await.delivered, 4);
    assert_eq!(other.stop().await.delivered, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_while_one_is_made_counts_as_hops() {
    let process = process(4);
    let store = memory();
    let trigger = process.watch(&store, "SET@made").await;
    let stopped = letter(&store, |letter| letter.key == "made").await;
    assert!(
        stopped.reason.contains("triggers itself"),
        "{}",
        stopped.reason
    );
    trigger.stop().await;
}
