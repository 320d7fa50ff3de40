use std::net::{Ipv4Addr, TcpListener};

use keywell_servers::{Nats, Proxy};

use crate::copies::{Copy, equal, often, on, until};

/// Two servers with one way between them, which can be cut: the second is a leaf of the first.
struct Halves {
    left: Nats,
    right: Nats,
    way: Proxy,
}

impl Halves {
    async fn start() -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let leafs = free.local_addr().unwrap();
        drop(free);
        let listen = format!("leafnodes {{ listen: \"{leafs}\", no_advertise: true }}");
        let left = Nats::builder().config(listen).start().await.unwrap();
        let way = Proxy::to(leafs).await.unwrap();
        let remote = format!(
            "leafnodes {{ remotes: [{{ url: \"nats-leaf://{}\" }}] }}",
            way.addr()
        );
        let right = Nats::builder().config(remote).start().await.unwrap();
        way.has_accepted(1).await.unwrap();
        Self { left, right, way }
    }

    async fn cut(&self) {
        self.way.refuse(true);
        self.way.cut();
        until("the way to be cut", async || self.way.open() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_halves_of_a_cut_network_become_equal_when_it_heals() {
    let halves = Halves::start().await;
    let left = Copy::open(often(on(&halves.left))).await;
    let right = Copy::open(often(on(&halves.right))).await;
    for key in ["left", "right", "both", "set again"] {
        left.set(key, "before").await;
    }
    right.has("set again", Some("before")).await;

    halves.cut().await;
    for _ in 0..100 {
        left.add("visits", 1).await;
        right.add("visits", 2).await;
    }
    for key in ["left", "both", "set again"] {
        left.delete(key).await;
    }
    for key in ["right", "both"] {
        right.delete(key).await;
    }
    // The delete on the other side has not seen it.
    right.set("set again", "during").await;
    left.set("new on the left", "during").await;
    right.set("new on the right", "during").await;
    assert_eq!(left.get("visits").await.as_deref(), Some("100"));
    assert_eq!(right.get("visits").await.as_deref(), Some("200"));

    halves.way.refuse(false);
    until("both to hear each other", async || {
        left.get("visits").await.as_deref() == Some("300")
    })
    .await;
    let late = Copy::open(often(on(&halves.right))).await;
    equal(&[&left, &right, &late]).await;
    let contents = right.contents().await;
    let keys: Vec<_> = contents.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["new on the left", "new on the right", "set again", "visits"]
    );
    right.has("visits", Some("300")).await;
    right.has("set again", Some("during")).await;
}
