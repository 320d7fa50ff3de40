//! Clusters and sentinels of real servers.

use keywell_servers::resp::Reply;
use keywell_servers::{Cluster, Error, Redis, Sentinels};

async fn answer(node: &Redis, words: &[&str]) -> String {
    match node.command(words).await {
        Ok(reply) => reply.text(),
        Err(Error::Refused(error)) => error,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_slot_is_moved_by_way_of_ask_and_moved() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    let slot = cluster.slot("k").await.unwrap();
    let from = cluster.owner(slot).await.unwrap();
    let mut others = cluster.primaries().iter();
    let to = others.find(|node| node.addr() != from.addr()).unwrap();
    assert_eq!(answer(from, &["SET", "k", "v"]).await, "OK");
    assert!(answer(to, &["GET", "k"]).await.starts_with("MOVED"));

    let moving = cluster.move_slot(slot, from, to).await.unwrap();
    assert_eq!(answer(from, &["GET", "k"]).await, "v", "not moved yet");
    assert_eq!(moving.move_keys(10).await.unwrap(), 1);
    assert!(answer(from, &["GET", "k"]).await.starts_with("ASK"));
    assert!(answer(to, &["GET", "k"]).await.starts_with("MOVED"));

    moving.finish().await.unwrap();
    let moved = answer(from, &["GET", "k"]).await;
    assert!(moved.starts_with("MOVED"), "{moved}");
    assert_eq!(answer(to, &["GET", "k"]).await, "v");
    assert_eq!(cluster.owner(slot).await.unwrap().addr(), to.addr());
    cluster.settle().await.unwrap();
}

#[tokio::test]
async fn a_slot_is_handed_over_where_the_server_can() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    let slot = cluster.slot("k").await.unwrap();
    let from = cluster.owner(slot).await.unwrap();
    let mut others = cluster.primaries().iter();
    let to = others.find(|node| node.addr() != from.addr()).unwrap();
    assert_eq!(answer(from, &["SET", "k", "v"]).await, "OK");
    let now = if cluster.hand_over(slot, from, to).await.unwrap() {
        assert!(answer(from, &["GET", "k"]).await.starts_with("MOVED"));
        to
    } else {
        eprintln!("this server hands over no slots");
        from
    };
    assert_eq!(answer(now, &["GET", "k"]).await, "v");
    assert_eq!(cluster.owner(slot).await.unwrap().addr(), now.addr());
}

#[tokio::test]
async fn a_replica_takes_over_on_command_and_when_its_primary_is_killed() {
    let cluster = Cluster::start(3, 1).await.unwrap();
    let slot = cluster.slot("k").await.unwrap();
    let primary = cluster.owner(slot).await.unwrap();
    let mut primaries = cluster.primaries().iter();
    let number = primaries.position(|node| node.addr() == primary.addr());
    let number = number.expect("one of them");
    primary.command(&["SET", "k", "v"]).await.unwrap();
    assert_eq!(
        primary.command(&["WAIT", "1", "10000"]).await.unwrap(),
        Reply::Int(1)
    );

    cluster.fail_over(number).await.unwrap();
    let now = cluster.owner(slot).await.unwrap();
    assert_eq!(now.addr(), cluster.replicas()[number].addr());
    assert_eq!(answer(now, &["GET", "k"]).await, "v");

    let other = (number + 1) % 3;
    cluster.primaries()[other].kill().await.unwrap();
    cluster.promoted(other).await.unwrap();
    cluster.settle().await.unwrap();
}

#[tokio::test]
async fn sentinels_fail_over_on_command_and_when_the_primary_is_killed() {
    for sentinels in [1, 3] {
        let service = Sentinels::start(sentinels).await.unwrap();
        let first = service.primary().await.unwrap();
        assert_eq!(first.addr(), service.servers()[0].addr());
        service.fail_over().await.unwrap();
        let second = service.primary().await.unwrap();
        assert_eq!(second.addr(), service.servers()[1].addr());
        assert_eq!(answer(second, &["SET", "k", "v"]).await, "OK");
    }
    let service = Sentinels::start(1).await.unwrap();
    let first = service.primary().await.unwrap();
    first.kill().await.unwrap();
    service.promoted(first.addr()).await.unwrap();
    let second = service.primary().await.unwrap();
    assert_eq!(answer(second, &["SET", "k", "v"]).await, "OK");
}
