use async_nats::Client;
use futures::StreamExt as _;
use keywell_servers::Nats;

use crate::copies::{Copy, equal, on, until};
use crate::raw::{BROKEN, Raw};

async fn stranger(nats: &Nats) -> Client {
    async_nats::connect(nats.url()).await.unwrap()
}

#[tokio::test]
async fn messages_of_strangers_are_counted_and_ignored() {
    let nats = Nats::start().await.unwrap();
    let (a, b) = (Copy::open(on(&nats)).await, Copy::open(on(&nats)).await);
    a.set("key", "value").await;
    b.has("key", Some("value")).await;
    let stranger = stranger(&nats).await;
    let newer = b"KWC\x02whatever a later version says".to_vec();
    let garbage: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"{\"SetAdd\":{\"key\":\"k\"}}".to_vec(),
        newer,
        b"KWC\x01".to_vec(),
        b"KWC\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        vec![0; 1 << 20],
        [&b"KWC\x01"[..], &*vec![0xff; 1 << 19]].concat(),
    ];
    let count = garbage.len() as u64;
    for message in garbage {
        let sent = stranger.publish("lattice.state.events.default", message.into());
        sent.await.unwrap();
    }
    until("all to be counted", async || {
        a.store.foreign_messages() == count && b.store.foreign_messages() == count
    })
    .await;
    a.set("key", "still").await;
    b.has("key", Some("still")).await;
    equal(&[&a, &b]).await;
}

#[tokio::test]
async fn damaged_messages_change_nothing() {
    let nats = Nats::start().await.unwrap();
    let options = async_nats::ConnectOptions::new().no_echo();
    let stranger = options.connect(nats.url()).await.unwrap();
    let subject = "lattice.state.events.default";
    let mut messages = stranger.subscribe(subject).await.unwrap();
    stranger.flush().await.unwrap();
    let (a, b) = (Copy::open(on(&nats)).await, Copy::open(on(&nats)).await);
    let mut random = 1_u64;
    for n in 0..200 {
        a.add(&format!("counter{}", n % 5), 1).await;
        b.set(&format!("key{}", n % 20), "value").await;
        let message = messages.next().await.unwrap();
        let mut bytes = message.payload.to_vec();
        for _ in 0..4 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = usize::try_from(random >> 33).unwrap() % (bytes.len() - 4);
            bytes[4 + at] = random.to_le_bytes()[3];
        }
        stranger
            .publish(message.subject, bytes.into())
            .await
            .unwrap();
    }
    until("all to be counted", async || {
        a.store.foreign_messages() == 200 && b.store.foreign_messages() == 200
    })
    .await;
    a.set("last", "value").await;
    b.has("last", Some("value")).await;
    equal(&[&a, &b]).await;
    for n in 0..5 {
        assert_eq!(b.get(&format!("counter{n}")).await.as_deref(), Some("40"));
    }
}

#[tokio::test]
async fn broken_messages_end_no_copy() {
    let nats = Nats::start().await.unwrap();
    let (a, b) = (Copy::open(on(&nats)).await, Copy::open(on(&nats)).await);
    let mut raw = Raw::connect(nats.addr()).await;
    for (number, headers) in BROKEN.iter().enumerate() {
        let subject = b"lattice.state.events.default";
        raw.publish(subject, headers, b"payload").await;
        for (from, to) in [(&a, &b), (&b, &a)] {
            from.set("key", number.to_string()).await;
            from.add("visits", 1).await;
            to.has("key", Some(&number.to_string())).await;
        }
    }
    equal(&[&a, &b]).await;
    let visits = (2 * BROKEN.len()).to_string();
    a.has("visits", Some(&visits)).await;
}
