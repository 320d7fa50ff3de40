//! Another server takes over: where an address leads to it from then on, and where sentinels name it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use keywell_servers::resp::Reply;
use keywell_servers::{Proxy, Redis, Sentinels};
use keywell_store::{Bucket, Error, Filter, Set};

use crate::support::{
    bucket, hasty, next, on_both_layouts, open, patient, short, silent, until, watch,
};

on_both_layouts! {
    an_address_that_leads_to_the_new_primary_is_followed
    a_replica_that_is_meant_is_left_in_peace
    a_switch_that_sentinels_announce_cuts_no_new_connection
}

/// A primary with a replica that has all it has.
async fn pair() -> (Redis, Redis) {
    let primary = Redis::start().await.unwrap();
    let port = primary.addr().port();
    let replica = Redis::builder().config(format!("replicaof 127.0.0.1 {port}"));
    let replica = replica.start().await.unwrap();
    until("the replica to follow", || async {
        let role = replica.command(&["ROLE"]).await.unwrap();
        match role.items().get(3).map(Reply::text).as_deref() {
            Some("connected") => Ok(()),
            _ => Err(format!("{role:?}")),
        }
    })
    .await;
    (primary, replica)
}

async fn set(bucket: &Arc<dyn Bucket>, value: String) -> Result<(), Error> {
    let set = bucket.set("k", value.into(), Set::default()).await;
    set.map(drop)
}

async fn an_address_that_leads_to_the_new_primary_is_followed(layout: &str) {
    let (old, new) = pair().await;
    let proxy = Proxy::to(old.addr()).await.unwrap();
    let store = open(&old.url_at(proxy.addr()), &patient(layout)).await;
    let bucket = bucket(&store, "b").await;
    set(&bucket, "before".to_owned()).await.unwrap();
    let before = proxy.accepted();
    // As the operators of managed servers do it: the old one lives on, and so do its connections.
    new.command(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
    let port = new.addr().port().to_string();
    let replicate = ["REPLICAOF", "127.0.0.1", &port];
    old.command(&replicate).await.unwrap();
    proxy.aim(new.addr());
    until("a write to arrive at the new primary", || async {
        // Many are refused by the old one at once, and those after the first are no news.
        let many = (0..50).map(|number| set(&bucket, number.to_string()));
        let mut outcomes = join_all(many).await.into_iter();
        outcomes.find(Result::is_err).unwrap_or(Ok(()))
    })
    .await;
    for number in 0..200 {
        set(&bucket, number.to_string()).await.unwrap();
    }
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "199");
    store.health().await.unwrap();
    let connections = proxy.accepted() - before;
    assert!((1..=2).contains(&connections), "{connections} connections");
}

async fn a_replica_that_is_meant_is_left_in_peace(layout: &str) {
    let (primary, replica) = pair().await;
    let writer = open(&primary.url(), &patient(layout)).await;
    let writer = bucket(&writer, "b").await;
    set(&writer, "v".to_owned()).await.unwrap();
    let proxy = Proxy::to(replica.addr()).await.unwrap();
    let store = open(&replica.url_at(proxy.addr()), &patient(layout)).await;
    let bucket = bucket(&store, "b").await;
    until("the replica to have it", || async {
        match bucket.get("k").await {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let before = proxy.accepted();
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        let (written, read) = tokio::join!(set(&bucket, "w".to_owned()), bucket.get("k"));
        assert!(matches!(written, Err(Error::Unavailable(_))), "{written:?}");
        assert_eq!(read.unwrap().unwrap().value, "v");
    }
    // It is looked after, less and less often, whether it leads elsewhere by now.
    let looks = proxy.accepted() - before;
    assert!((1..=20).contains(&looks), "{looks} in 3 s");
}

async fn a_switch_that_sentinels_announce_cuts_no_new_connection(layout: &str) {
    let service = Sentinels::start(1).await.unwrap();
    for server in service.servers() {
        let flags = ["config", "set", "notify-keyspace-events", "KEA"];
        server.cli(&flags).await.unwrap();
    }
    let sentinel = service.addrs()[0];
    let url = format!("redis+sentinel://{sentinel}/{}", Sentinels::SERVICE);
    // Nothing is late here: what fails was cut.
    let store = open(&url, &hasty(layout).replace("300ms", "20s")).await;
    let bucket = bucket(&store, "b").await;
    set(&bucket, "before".to_owned()).await.unwrap();
    let mut watching = watch(&bucket, Filter::Key("k".into())).await;
    let old = service.primary().await.unwrap();
    let mut servers = service.servers().iter();
    let new = servers.find(|server| server.addr() != old.addr()).unwrap();
    let key = match layout {
        "plain" => "b:k",
        _ => ":keywell:{b}=k",
    };
    until("the replica to have it", || async {
        let held = new.command(&["GET", key]).await.unwrap().text();
        if held == "before" { Ok(()) } else { Err(held) }
    })
    .await;
    // Frozen, so that its connections stay.
    old.freeze().unwrap();
    service.promoted(old.addr()).await.unwrap();
    until("a write to arrive at the new primary", || {
        set(&bucket, "after".to_owned())
    })
    .await;
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        set(&bucket, "on".to_owned()).await.unwrap();
    }
    set(&bucket, "last".to_owned()).await.unwrap();
    let mut gaps = 0;
    loop {
        match short(&next(&mut watching).await).as_str() {
            "gap" => gaps += 1,
            "k=last" => break,
            _ => {}
        }
    }
    assert!(gaps <= 1, "{gaps} gaps");
    old.thaw().unwrap();
    silent(&mut watching).await;
}
