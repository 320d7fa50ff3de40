//! Three copies of the replicated cache that one writes to, beside messages without a cache.

use std::time::{Duration, Instant};

use async_nats::ConnectOptions;
use bytes::Bytes;
use futures::StreamExt as _;
use keywell_nats::CacheProvider;
use keywell_servers::Nats;
use tokio::task::JoinSet;

use super::bounded::{Bounded, Stage};
use super::copy::{Copy, VALUE, keys, until_all};
use super::traffic::{Counting, Traffic};
use crate::Done;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::measure::{Series, Subject, rounds};
use crate::row::Row;
use crate::unit::Unit;

/// How many keys are written, at most.
const WRITES: u32 = 100_000;
const SUBJECT: &str = "bench.changes";

/// What it took until all copies had all writes.
#[derive(Clone, Copy)]
struct Converged {
    time: Duration,
    traffic: Traffic,
}

pub(crate) fn rows(effort: &Effort) -> Done<Vec<Row>> {
    let bounded = Bounded::new(effort)?;
    let keys = keys(effort.keys.min(WRITES));
    let count = keys.len() as u64;
    let server = bounded.run(async |stage| {
        stage.enter("starting a server");
        Counting::start(Nats::builder()).await
    })?;
    let mut caches = 0;
    let mut ours = || {
        // A cache of its own, without what an earlier one has sent.
        caches += 1;
        let name = format!("cache{caches}");
        bounded.run(async |stage| converge(stage, &server, &name, &keys).await)
    };
    let sent = ours()?.traffic;
    let each = Traffic {
        messages: count,
        ..sent
    };
    let bare = |traffic: Traffic| {
        let took = bounded.run(async |stage| publish(stage, &server.server, traffic).await);
        took.map(|time| Converged { time, traffic })
    };
    let subjects: [Subject<'_, Converged>; 3] = [
        Box::new(ours),
        Box::new(|| bare(each)),
        Box::new(|| bare(sent)),
    ];
    let [ours, each, same] = rounds(effort.rounds, subjects)?;
    let millis = |converged: &Converged| converged.time.as_secs_f64() * 1e3;
    let row = |id: &str, against: &str, other: &Series| {
        Row::new(
            format!("nats/converge/{id}"),
            format!("three copies have {count} writes of one"),
            &ours.map(millis),
            format!("bare NATS, two subscribers, {against}"),
            other,
            Unit::Milliseconds,
        )
    };
    let bytes = ours.map(|converged| converged.traffic.bytes as f64 / count as f64);
    let length = ours.map(|_| (keys[0].len() + VALUE.len()) as f64);
    Ok(vec![
        row("each", "a message a write", &each.map(millis)).goal(Goal::AtMost(1.5)),
        row(
            "same",
            "as many messages as the copies send",
            &same.map(millis),
        ),
        Row::new(
            "nats/change-bytes",
            "bytes sent a write",
            &bytes,
            "its key and value",
            &length,
            Unit::Bytes,
        ),
    ])
}

/// Writes all keys to one copy, until two others have them.
async fn converge(
    stage: &Stage,
    server: &Counting,
    name: &str,
    keys: &[String],
) -> Done<Converged> {
    stage.enter("opening three copies");
    let url = format!("nats-cache://{}/{name}", server.server.addr());
    let [one, two, three] = [
        Copy::open(&CacheProvider, &url).await?,
        Copy::open(&CacheProvider, &url).await?,
        Copy::open(&CacheProvider, &url).await?,
    ];
    let before = server.traffic().await?;
    stage.enter("writing");
    let began = Instant::now();
    for key in keys {
        one.set(key).await?;
    }
    until_all(stage, &[&two, &three], keys, true).await?;
    let time = began.elapsed();
    let traffic = server.traffic().await?.since(before);
    for copy in [one, two, three] {
        stage.enter("closing the copies");
        copy.close().await?;
    }
    Ok(Converged { time, traffic })
}

/// Sends so many messages of so many bytes together, until two subscribers have them.
async fn publish(stage: &Stage, server: &Nats, traffic: Traffic) -> Done<Duration> {
    stage.enter("connecting two subscribers");
    let count = usize::try_from(traffic.messages)?;
    let mut subscribers = JoinSet::new();
    for _ in 0..2 {
        // Room for all, so that none is dropped.
        let options = ConnectOptions::new().subscription_capacity(count);
        let client = options.connect(server.url()).await?;
        let mut messages = client.subscribe(SUBJECT).await?;
        client.flush().await?;
        // The client ends its subscriptions with its last handle.
        subscribers.spawn(async move {
            let _client = client;
            for got in 0..count {
                if messages.next().await.is_none() {
                    return Err(format!(
                        "a subscriber ended after {got} of {count} messages"
                    ));
                }
            }
            Ok(())
        });
    }
    let client = async_nats::connect(server.url()).await?;
    let length = usize::try_from(traffic.bytes / traffic.messages.max(1))?;
    let payload = Bytes::from(vec![b'v'; length]);
    stage.enter("publishing, and waiting until two subscribers have all messages");
    let began = Instant::now();
    for _ in 0..count {
        client.publish(SUBJECT, payload.clone()).await?;
    }
    while let Some(ended) = subscribers.join_next().await {
        ended??;
    }
    Ok(began.elapsed())
}
