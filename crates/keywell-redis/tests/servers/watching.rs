//! Watches recover from every fault of a server, and report what they missed.

use bytes::Bytes;
use keywell_servers::{Proxy, Redis, Towards};
use keywell_store::{Error, Event, Filter, Invalid, Set, Since};

use crate::support::{
    bucket, hasty, next, on_both_layouts, open, received, recovered, short, silent, until, watch,
};

on_both_layouts! {
    a_watch_goes_on_when_its_connection_was_cut
    a_watch_goes_on_when_the_server_was_killed
    a_watch_goes_on_when_the_server_was_frozen
    watches_go_on_in_the_middle_of_writes
    an_idle_watch_sends_no_command
    a_dropped_watch_leaves_no_connection
}

/// Reads events until one of this key, which is written repeatedly: a lossy watch may miss some.
async fn hears(
    bucket: &std::sync::Arc<dyn keywell_store::Bucket>,
    watch: &mut keywell_store::Watch,
    key: &str,
) {
    let mut turns = tokio::time::interval(std::time::Duration::from_millis(50));
    let heard = async {
        loop {
            let event = next(watch).await;
            if event.key() == Some(key) {
                return;
            }
        }
    };
    let writing = async {
        loop {
            turns.tick().await;
            // The server may not be there yet.
            let _ = bucket.set(key, "heard?".into(), Set::default()).await;
        }
    };
    let waited = tokio::time::timeout(crate::support::PATIENCE, async {
        tokio::select! {
            () = heard => {}
            () = writing => {}
        }
    });
    waited.await.expect("the watch receives it");
}

async fn a_watch_goes_on_when_its_connection_was_cut(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let store = open(&redis.url_at(proxy.addr()), &hasty(layout)).await;
    let direct = open(&redis.url(), &hasty(layout)).await;
    let (bucket, other) = (bucket(&store, "b").await, bucket(&direct, "b").await);
    let mut one = watch(&bucket, Filter::Key("k".into())).await;
    let mut all = watch(&bucket, Filter::All).await;
    other.set("k", "1".into(), Set::default()).await.unwrap();
    assert_eq!(received(&mut one).await, "k=1");
    assert_eq!(received(&mut all).await, "k=1");

    proxy.refuse(true);
    proxy.cut();
    other.set("k", "2".into(), Set::default()).await.unwrap();
    other.set("x", "2".into(), Set::default()).await.unwrap();
    proxy.refuse(false);
    if layout == "plain" {
        // The present state of the named key, and a gap.
        let mut heard = [received(&mut one).await, received(&mut one).await];
        heard.sort();
        assert_eq!(heard, ["gap", "k=2"]);
        assert_eq!(received(&mut all).await, "gap");
    } else {
        assert_eq!(received(&mut one).await, "k=2");
        assert_eq!(received(&mut all).await, "k=2");
        assert_eq!(received(&mut all).await, "x=2");
    }
    other.set("k", "3".into(), Set::default()).await.unwrap();
    assert_eq!(received(&mut one).await, "k=3");
    assert_eq!(received(&mut all).await, "k=3");
    silent(&mut one).await;
    silent(&mut all).await;

    // Deleted meanwhile.
    proxy.refuse(true);
    proxy.cut();
    other.delete("k").await.unwrap();
    proxy.refuse(false);
    if layout == "plain" {
        let mut heard = [received(&mut one).await, received(&mut one).await];
        heard.sort();
        assert_eq!(heard, ["-k", "gap"]);
    } else {
        assert_eq!(received(&mut one).await, "-k");
    }
}

async fn a_watch_goes_on_when_the_server_was_killed(layout: &str) {
    let redis = Redis::builder()
        .append_only(true)
        .config("notify-keyspace-events KEA")
        .start()
        .await
        .unwrap();
    let store = open(&redis.url(), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    let mut one = watch(&bucket, Filter::Key("k".into())).await;
    let mut some = watch(&bucket, Filter::Prefix("p/".into())).await;
    for round in 0..3 {
        bucket
            .set("k", Bytes::from(round.to_string()), Set::default())
            .await
            .unwrap();
        let expected = format!("k={round}");
        while received(&mut one).await != expected {}
        redis.kill().await.unwrap();
        redis.restart().await.unwrap();
        recovered(&bucket).await;
        hears(&bucket, &mut some, "p/x").await;
    }
    hears(&bucket, &mut one, "k").await;
}

async fn a_watch_goes_on_when_the_server_was_frozen(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    let mut one = watch(&bucket, Filter::Key("k".into())).await;
    for _ in 0..2 {
        redis.freeze().unwrap();
        assert!(bucket.get("k").await.is_err());
        for _ in 0..3 {
            crate::outages::answer_timeout().await;
        }
        redis.thaw().unwrap();
        recovered(&bucket).await;
        hears(&bucket, &mut one, "k").await;
    }
}

/// A writer counts up while connections are cut. Values received never go back, and the last one is
/// received.
async fn watches_go_on_in_the_middle_of_writes(layout: &str) {
    const WRITES: u64 = 2000;
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let store = open(&redis.url_at(proxy.addr()), &hasty(layout)).await;
    let direct = open(&redis.url(), &hasty(layout)).await;
    let (bucket, writer) = (bucket(&store, "b").await, bucket(&direct, "b").await);
    let mut one = watch(&bucket, Filter::Key("k".into())).await;
    let writing = tokio::spawn(async move {
        for number in 1..=WRITES {
            let value = Bytes::from(number.to_string());
            writer.set("k", value, Set::default()).await.unwrap();
        }
    });
    let cutting = async {
        for _ in 0..5 {
            let connections = proxy.accepted();
            proxy.cut_after_bytes(Towards::Client, 3000);
            proxy.has_accepted(connections + 1).await.unwrap();
        }
    };
    let mut heard = 0;
    let mut events = 0;
    let mut gaps = 0;
    let listening = async {
        while heard < WRITES {
            match next(&mut one).await {
                Event::Set { value, .. } => {
                    let number: u64 = String::from_utf8_lossy(&value).parse().unwrap();
                    assert!(number >= heard, "{number} after {heard}");
                    assert!(number > heard || layout == "plain", "{number} twice");
                    heard = number;
                    events += 1;
                }
                Event::Gap => gaps += 1,
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::select! {
        () = listening => {}
        () = async { cutting.await; std::future::pending().await } => {}
    }
    writing.await.unwrap();
    println!(
        "{events} events, {gaps} gaps, {} coalesced",
        one.coalesced()
    );
    if layout == "journal" {
        assert_eq!((events, gaps), (WRITES, 0), "each is received once");
    }
}

async fn an_idle_watch_sends_no_command(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    let mut one = watch(&bucket, Filter::All).await;
    let mut control = redis.connect().await.unwrap();
    let mut calls = async || {
        let stats = control.command(&["INFO", "stats"]).await.unwrap().text();
        let line = stats
            .lines()
            .find(|line| line.starts_with("total_commands_processed"));
        let (_, number) = line.unwrap().split_once(':').unwrap();
        number.trim().parse::<u64>().unwrap()
    };
    silent(&mut one).await;
    let before = calls().await;
    for _ in 0..5 {
        silent(&mut one).await;
    }
    // `INFO` itself is one of them, and a watch that blocks on the server repeats its command.
    let sent = calls().await - before - 1;
    assert!(sent <= 1, "{sent} commands in 1.5 s");
    bucket.set("k", "w".into(), Set::default()).await.unwrap();
    assert_eq!(received(&mut one).await, "k=w");
}

async fn a_dropped_watch_leaves_no_connection(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let store = open(&redis.url_at(proxy.addr()), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    for _ in 0..3 {
        let mut watches = Vec::new();
        for number in 0..20 {
            watches.push(watch(&bucket, Filter::Key(number.to_string())).await);
        }
        bucket.set("7", "v".into(), Set::default()).await.unwrap();
        assert_eq!(short(&next(&mut watches[7]).await), "7=v");
        assert!(
            proxy.open() <= 3,
            "{} connections for 20 watches",
            proxy.open()
        );
        drop(watches);
        until("the watches' connection to end", || async {
            match proxy.open() {
                1 => Ok(()),
                open => Err(format!("{open} are open")),
            }
        })
        .await;
    }
}

/// A token of a lost history is not taken for one of the history that began since.
#[tokio::test]
async fn a_journal_that_was_lost_refuses_old_tokens() {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &hasty("journal")).await;
    let bucket = bucket(&store, "b").await;
    let mut one = watch(&bucket, Filter::All).await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    let token = next(&mut one).await.token().unwrap().clone();
    drop(one);
    redis.restart_empty().await.unwrap();
    recovered(&bucket).await;
    for _ in 0..10 {
        bucket.set("k", "v".into(), Set::default()).await.unwrap();
    }
    let resumed = bucket.watch(Filter::All, Since::After(token)).await;
    let refused = match resumed {
        Err(error) => error,
        Ok(mut watch) => {
            use futures::StreamExt as _;
            watch.next().await.expect("it does not end").unwrap_err()
        }
    };
    let expected = matches!(refused, Error::Invalid(Invalid::Compacted | Invalid::Token));
    assert!(expected, "{refused:?}");
}
