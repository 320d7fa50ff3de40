//! Batches of which some keys are overwritten before the copy reads them.

use std::sync::Arc;
use std::time::Duration;

use keywell_nats::JetStreamOptions;
use keywell_servers::{Proxy, Towards};
use keywell_store::{Answer, Bucket, Entry, Set};
use tokio::time::timeout;

use crate::place::{MODES, open, options, server, set, until};

/// More than a copy asks for at a time, so that a server waits for its next request.
const BACKLOG: usize = 600;

#[tokio::test(flavor = "multi_thread")]
async fn no_part_of_a_batch_is_shown() {
    for cache in MODES {
        let server = server().await;
        let (_writer, writing) = open(options(&server, cache)).await;
        let batch = |value: &'static str| {
            let entries = ["a", "b"].map(|key| (key, value.into()));
            writing.set_many(entries.to_vec())
        };
        batch("0").await.unwrap();
        let way = Proxy::to(server.addr()).await.unwrap();
        let mut options = JetStreamOptions::new([way.addr().to_string()]);
        options.cache = cache;
        let (_reader, reading) = open(options).await;
        until(&reading, "a", Some("0")).await;

        for round in 0..5 {
            way.stall(Towards::Client);
            for number in 0..BACKLOG {
                set(&writing, &format!("first-{number}"), "v").await;
            }
            // One key is overwritten, far behind the batch.
            batch("1").await.unwrap();
            for number in 0..BACKLOG {
                set(&writing, &format!("then-{number}"), "v").await;
            }
            writing
                .set("b", format!("{}", 2 + round).into(), Set::default())
                .await
                .unwrap();
            for number in 0..BACKLOG {
                set(&writing, &format!("last-{number}"), "v").await;
            }
            way.flow(Towards::Client);
            let last = (2 + round).to_string();
            let catching_up = async {
                while shown(&reading).await != Some(("1".to_owned(), last.clone())) {
                    tokio::task::yield_now().await;
                }
            };
            let caught_up = timeout(Duration::from_mins(1), catching_up).await;
            caught_up.expect("it catches up");
            batch("0").await.unwrap();
            until(&reading, "a", Some("0")).await;
        }
    }
}

/// What the copy shows of both keys, if it can be read.
async fn shown(bucket: &Arc<dyn Bucket>) -> Option<(String, String)> {
    let Answer::Now(read) = bucket.get_many(&["a", "b"]) else {
        // With the values here, the copy answers the next time.
        drop(bucket.get_many(&["a", "b"]).await);
        return None;
    };
    let text = |entry: &Option<Entry>| {
        let value = &entry.as_ref().unwrap().value;
        String::from_utf8(value.to_vec()).unwrap()
    };
    let (a, b) = match &read.unwrap()[..] {
        [a, b] => (text(a), text(b)),
        other => panic!("{other:?}"),
    };
    assert_eq!(a == "0", b == "0", "a is {a} and b is {b}");
    Some((a, b))
}
