//! What a server refuses it has not done, and takes again later.

use std::sync::Arc;

use keywell_servers::{Proxy, Redis};
use keywell_store::{Bucket, Change, Error, Expected, Set};

use crate::support::{bucket, hasty, on_both_layouts, open, recovered, until};

on_both_layouts! {
    a_server_that_loads_its_data
    a_server_that_is_busy_with_a_script
    a_server_that_has_no_room_for_clients
    a_server_that_misses_its_replicas
    an_account_that_may_not_do_all_that_a_script_does
}

/// Writes until one is refused. None may be in doubt.
async fn is_refused(bucket: &Arc<dyn Bucket>) -> Error {
    let refused = parking_lot::Mutex::new(None);
    until("a write to be refused", || async {
        match bucket.increment("n", 1).await {
            Err(error @ Error::Unavailable(_)) => {
                *refused.lock() = Some(error);
                Ok(())
            }
            Err(error) => panic!("{error:?}"),
            Ok(sum) => Err(sum),
        }
    })
    .await;
    refused.into_inner().unwrap()
}

async fn a_server_that_loads_its_data(layout: &str) {
    let redis = Redis::builder()
        .append_only(true)
        .config("aof-use-rdb-preamble no")
        .start()
        .await
        .unwrap();
    let settings = format!("layout={layout}&reconnect-max-delay=100ms");
    let store = open(&redis.url(), &settings).await;
    let bucket = bucket(&store, "b").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    let fill = "for n = 1, 40000 do redis.call('SET', 'fill:' .. n, n) end";
    redis.command(&["EVAL", fill, "0"]).await.unwrap();
    // In microseconds, for each; it looks after its clients once in a thousand.
    let rewrite = ["CONFIG", "SET", "key-load-delay", "50"];
    redis.command(&rewrite).await.unwrap();
    redis.command(&["CONFIG", "REWRITE"]).await.unwrap();
    redis.kill().await.unwrap();
    redis.restart().await.unwrap();
    let info = redis.cli(&["info", "persistence"]).await.unwrap();
    assert!(info.contains("loading:1"), "{info}");
    let read = bucket.get("k").await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    is_refused(&bucket).await;
    recovered(&bucket).await;
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "v");
    assert_eq!(bucket.increment("m", 1).await.unwrap(), 1);
}

async fn a_server_that_is_busy_with_a_script(layout: &str) {
    let redis = Redis::builder()
        .config("lua-time-limit 50")
        .start()
        .await
        .unwrap();
    let store = open(&redis.url(), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    bucket.increment("n", 1).await.unwrap();
    let mut busy = redis.connect().await.unwrap();
    busy.send(&["EVAL", "while true do end", "0"])
        .await
        .unwrap();
    // While nothing is answered at all, a write may be in doubt.
    until("the server to answer that it is busy", || async {
        match redis.command(&["GET", "x"]).await {
            Err(error) if error.to_string().contains("BUSY") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let refused = is_refused(&bucket).await;
    println!("{refused}");
    redis.command(&["SCRIPT", "KILL"]).await.unwrap();
    recovered(&bucket).await;
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 2);
}

async fn a_server_that_has_no_room_for_clients(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let store = open(&redis.url_at(proxy.addr()), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    bucket.increment("n", 1).await.unwrap();
    let mut control = redis.connect().await.unwrap();
    control
        .command(&["CONFIG", "SET", "maxclients", "1"])
        .await
        .unwrap();
    proxy.cut();
    let refused = is_refused(&bucket).await.to_string();
    println!("{refused}");
    control
        .command(&["CONFIG", "SET", "maxclients", "100"])
        .await
        .unwrap();
    recovered(&bucket).await;
}

async fn a_server_that_misses_its_replicas(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    bucket.increment("n", 1).await.unwrap();
    for (least, works) in [("1", false), ("0", true)] {
        let command = ["CONFIG", "SET", "min-replicas-to-write", least];
        redis.command(&command).await.unwrap();
        if works {
            assert_eq!(bucket.increment("n", 1).await.unwrap(), 2);
        } else {
            is_refused(&bucket).await;
            assert_eq!(bucket.get("n").await.unwrap().unwrap().value, "1");
        }
    }
}

async fn an_account_that_may_not_do_all_that_a_script_does(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let rules = "on >secret ~* &* +@all -set";
    let mut account = vec!["ACL", "SETUSER", "reader"];
    account.extend(rules.split(' '));
    redis.command(&account).await.unwrap();
    let writer = open(&redis.url(), &hasty(layout)).await;
    let writer = bucket(&writer, "b").await;
    writer.set("k", "v".into(), Set::default()).await.unwrap();
    let url = format!("redis://reader:secret@{}", redis.addr());
    let reader = open(&url, &hasty(layout)).await;
    let reader = bucket(&reader, "b").await;
    let entry = reader.get("k").await.unwrap();
    let change = Change::Set("w".into(), Set::default());
    let swapped = reader.swap("k", Expected::from(entry.as_ref()), change);
    let refused = [
        reader.set("k", "w".into(), Set::default()).await.map(drop),
        swapped.await.map(drop),
    ];
    for refused in refused {
        assert!(
            matches!(refused, Err(Error::AccessDenied(_))),
            "{refused:?}"
        );
    }
    assert_eq!(writer.get("k").await.unwrap(), entry);
}
