use keywell_nats::CacheStore;
use keywell_servers::Nats;
use keywell_store::{Error, Invalid, Set};

use crate::copies::{Copy, equal, often, on};

async fn server(max_payload: usize) -> Nats {
    let config = format!("max_payload: {max_payload}");
    Nats::builder().config(&config).start().await.unwrap()
}

#[tokio::test]
async fn copies_on_a_server_of_small_messages_become_equal() {
    let nats = server(32 << 10).await;
    let (a, b) = (
        Copy::open(often(on(&nats))).await,
        Copy::open(often(on(&nats))).await,
    );
    let largest = a.bucket.capabilities().value_bytes;
    for n in 0..40 {
        // Both write the same keys at once.
        a.set(&format!("large{}", n % 10), vec![b'a'; largest])
            .await;
        b.set(&format!("large{}", n % 10), vec![b'b'; largest])
            .await;
    }
    for n in 0..3000 {
        a.set(&format!("key{n}"), "value").await;
        b.add(&format!("counter{}", n % 100), 1).await;
    }
    equal(&[&a, &b]).await;
    let late = Copy::open(often(on(&nats))).await;
    equal(&[&a, &late]).await;
    assert_eq!(late.get("counter7").await.as_deref(), Some("30"));
    let larger = vec![0; largest + 1].into();
    let refused = a.bucket.set("large", larger, Set::default()).await;
    let is_size = matches!(refused, Err(Error::Invalid(Invalid::ValueTooLarge { .. })));
    assert!(is_size, "{refused:?}");
}

#[tokio::test]
async fn a_server_of_tiny_messages_is_refused() {
    let nats = server(8 << 10).await;
    let refused = CacheStore::open(on(&nats)).await.err();
    let refused = refused.expect("messages do not fit").to_string();
    assert!(
        refused.contains("`max_payload` to at least 32768"),
        "{refused}"
    );
}
