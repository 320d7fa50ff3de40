use std::fs;

use keywell_servers::{Nats, Proxy, Towards};

use crate::copies::{Copy, at, equal, on, until};

const VALUES: usize = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_its_server_drops_as_too_slow_catches_up() {
    // It drops a connection with more than this in its buffers.
    let server = Nats::builder().config("max_pending: 4194304");
    let server = server.config("write_deadline: \"1s\"");
    let server = server.start().await.unwrap();
    let way = Proxy::to(server.addr()).await.unwrap();
    let fast = Copy::open(on(&server)).await;
    let slow = Copy::open(at(way.addr())).await;
    fast.add("visits", 1).await;
    slow.has("visits", Some("1")).await;

    way.stall(Towards::Client);
    for n in 0..VALUES {
        fast.set(&format!("key {n}"), vec![b'v'; 1024]).await;
        if n % 100 == 0 {
            fast.add("visits", 1).await;
            slow.add("visits", 1).await;
            tokio::task::yield_now().await;
        }
    }
    until("the server to drop the connection", async || {
        let log = fs::read_to_string(server.folder().join("server.log")).unwrap();
        log.contains("Slow Consumer")
    })
    .await;

    way.flow(Towards::Client);
    let took = equal(&[&fast, &slow]).await;
    println!("equal after {took:?}");
    let visits = (1 + 2 * VALUES / 100).to_string();
    slow.has("visits", Some(&visits)).await;
    assert_eq!(slow.contents().await.len(), VALUES + 1);
}
