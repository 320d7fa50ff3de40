//! Streams that are made again, and servers that are restarted and frozen.

use std::time::Duration;

use keywell_nats::{Caching, Storage};
use keywell_store::Error;

use crate::place::{MODES, completed, open, options, server, set, until, value};

async fn delete_stream(server: &keywell_servers::Nats) {
    let client = async_nats::connect(server.addr().to_string())
        .await
        .unwrap();
    let deleted = client
        .request("$JS.API.STREAM.DELETE.KV_b", "".into())
        .await;
    let answer = deleted.unwrap().payload;
    assert!(String::from_utf8_lossy(&answer).contains("\"success\":true"));
}

/// A process whose first write after that is acknowledged at a sequence that its copy had long.
#[tokio::test]
async fn a_stream_that_was_made_again_is_copied_again() {
    let server = server().await;
    for cache in MODES {
        let (one, old) = open(options(&server, cache)).await;
        for number in 0..20 {
            set(&old, &format!("k{number}"), "old").await;
        }
        set(&old, "k", "old").await;
        assert_eq!(value(&old, "k").await.as_deref(), Some("old"));
        delete_stream(&server).await;
        let (_two, new) = open(options(&server, cache)).await;
        set(&new, "k", "new").await;
        set(&old, "own", "written").await;
        assert_eq!(value(&old, "own").await.as_deref(), Some("written"));
        assert_eq!(value(&old, "k").await.as_deref(), Some("new"), "{cache}");
        assert_eq!(value(&old, "k0").await, None);
        completed(&one).await;
        assert_eq!(value(&old, "k").await.as_deref(), Some("new"));
        assert_eq!(value(&old, "k0").await, None);
        assert!(!old.exists("k0").await.unwrap());
        delete_stream(&server).await;
    }
}

#[tokio::test]
async fn a_server_that_lost_its_memory_is_copied_again() {
    for cache in MODES {
        let server = server().await;
        let mut options = options(&server, cache);
        options.storage = Some(Storage::Memory);
        let (store, bucket) = open(options.clone()).await;
        for key in ["a", "b", "c", "d"] {
            set(&bucket, key, "old").await;
            assert_eq!(value(&bucket, key).await.as_deref(), Some("old"));
        }
        server.kill().await.unwrap();
        server.restart().await.unwrap();
        // Another process makes the bucket again, with a key less.
        let (_other, other) = open(options).await;
        for key in ["a", "b", "c", "e", "f"] {
            set(&other, key, "new").await;
        }
        until(&bucket, "a", Some("new")).await;
        for (key, expected) in [("b", Some("new")), ("d", None), ("f", Some("new"))] {
            assert_eq!(
                value(&bucket, key).await.as_deref(),
                expected,
                "{cache}: {key}"
            );
        }
        completed(&store).await;
        assert_eq!(value(&bucket, "d").await, None);
        set(&bucket, "d", "newer").await;
        assert_eq!(value(&bucket, "d").await.as_deref(), Some("newer"));
    }
}

#[tokio::test]
async fn while_a_server_is_frozen_what_is_here_is_read_and_the_rest_is_unavailable() {
    let server = server().await;
    let mut options = options(&server, Caching::All);
    options.answer_timeout = Duration::from_millis(500);
    let (store, bucket) = open(options).await;
    set(&bucket, "k", "v").await;
    server.freeze().unwrap();
    assert_eq!(value(&bucket, "k").await.as_deref(), Some("v"));
    let refused = bucket.set("k", "w".into(), keywell_store::Set::default());
    let refused = refused.await.unwrap_err();
    assert!(matches!(refused, Error::Ambiguous(_)), "{refused}");
    // Until its follower notices that the server is silent; then nothing is known for sure.
    let asking = async {
        while bucket.get("k").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let asked = tokio::time::timeout(Duration::from_mins(1), asking).await;
    asked.expect("a silent server is not trusted for ever");
    server.thaw().unwrap();
    completed(&store).await;
    set(&bucket, "k", "x").await;
    assert_eq!(value(&bucket, "k").await.as_deref(), Some("x"));
}
