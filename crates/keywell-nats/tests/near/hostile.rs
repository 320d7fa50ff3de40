//! Messages that end the connection of a client: the copy passes them.

use keywell_store::{List, Set};

use crate::place::{MODES, completed, is_now, open, options, server, set, until, value};
use crate::raw::{BROKEN, Raw};

const SOUND: &[u8] = b"NATS/1.0\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn broken_messages_are_copied() {
    for cache in MODES {
        let server = server().await;
        let (store, bucket) = open(options(&server, cache)).await;
        let mut raw = Raw::connect(server.addr()).await;
        for (number, headers) in BROKEN.iter().enumerate() {
            let key = format!("k{number}");
            raw.store(format!("$KV.b.{key}").as_bytes(), headers, b"v")
                .await;
            until(&bucket, &key, Some("v")).await;
            // The copy may break the connection after this read.
            while bucket.set("own", "w".into(), Set::default()).await.is_err() {
                tokio::task::yield_now().await;
            }
            until(&bucket, "own", Some("w")).await;
        }
        completed(&store).await;
        set(&bucket, "k0", "new").await;
        assert_eq!(value(&bucket, "k0").await.as_deref(), Some("new"));
        assert!(is_now(&bucket.exists("k0")), "{cache}");
    }
}

/// The first message that a copy reads may be broken, or the last, or all.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_has_broken_messages_is_copied() {
    for cache in MODES {
        for order in ["bs", "sb", "bb", "sbbsb"] {
            let server = server().await;
            let (before, _) = open(options(&server, cache)).await;
            keywell_store::Store::close(&before).await.unwrap();
            let mut raw = Raw::connect(server.addr()).await;
            for (number, kind) in order.chars().enumerate() {
                let subject = format!("$KV.b.k{number}");
                let headers = if kind == 'b' {
                    BROKEN[number % 2]
                } else {
                    SOUND
                };
                raw.store(subject.as_bytes(), headers, b"v").await;
            }
            let (_store, bucket) = open(options(&server, cache)).await;
            let page = bucket.list(List::default());
            assert!(is_now(&page), "{cache} {order}");
            assert_eq!(page.await.unwrap().keys.len(), order.len());
            for number in 0..order.len() {
                let read = value(&bucket, &format!("k{number}")).await;
                assert_eq!(read.as_deref(), Some("v"), "{cache} {order}");
            }
            bucket
                .set("k0", "new".into(), Set::default())
                .await
                .unwrap();
            assert_eq!(value(&bucket, "k0").await.as_deref(), Some("new"));
        }
    }
}
