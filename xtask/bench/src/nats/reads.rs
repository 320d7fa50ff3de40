//! Reads of the replicated cache and of the near cache, beside a plain concurrent map.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::fast::RandomState;
use keywell_nats::{CacheProvider, JetStreamProvider};
use keywell_servers::Nats;

use super::bounded::{Bounded, Stage};
use super::copy::{Copy, VALUE, keys, pass, until_all};
use crate::Done;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::measure::{Subject, rounds};
use crate::row::Row;
use crate::unit::Unit;

const KEYS: u32 = 10_000;

/// The peer of the memory store's own benchmark.
type Map = papaya::HashMap<Box<str>, Bytes, RandomState>;

pub(crate) fn rows(effort: &Effort) -> Done<Vec<Row>> {
    let bounded = Bounded::new(effort)?;
    let keys = keys(KEYS);
    let map = Map::default();
    for key in &keys {
        // Each has a value of its own, as stores do.
        let value = Bytes::copy_from_slice(VALUE);
        map.pin().insert(key.as_str().into(), value);
    }
    let (server, cache, near) = bounded.run(async |stage| {
        stage.enter("starting a server");
        let server = Nats::builder().jetstream().start().await?;
        let cache = format!("nats-cache://{}/reads", server.addr());
        let cache = filled(stage, Copy::open(&CacheProvider, &cache).await?, &keys).await?;
        let near = format!("nats://{}?cache=all&bucket=reads", server.addr());
        let near = filled(stage, Copy::open(&JetStreamProvider, &near).await?, &keys).await?;
        Ok((server, cache, near))
    })?;
    let subjects: [Subject<'_>; 3] = [
        Box::new(|| nanos(&keys, effort.call, |key| cache.get_now(key))),
        Box::new(|| nanos(&keys, effort.call, |key| near.get_now(key))),
        Box::new(|| {
            nanos(&keys, effort.call, |key| {
                let value = map.pin().get(key).cloned();
                Ok(value.ok_or("a key is missing")?)
            })
        }),
    ];
    let [cache, near, map] = rounds(effort.rounds, subjects)?;
    drop(server);
    let row = |id: &str, what: &str, ours| {
        let row = Row::new(
            format!("nats/read/{id}"),
            format!("`get`, {what}, 10^4 keys"),
            ours,
            "a concurrent map, papaya",
            &map,
            Unit::Nanoseconds,
        );
        row.goal(Goal::AtMost(3.0))
    };
    Ok(vec![
        row("cache", "replicated cache", &cache),
        row("near", "near cache of all values", &near),
    ])
}

/// A copy that has all keys, and reads them in memory.
async fn filled(stage: &Stage, copy: Copy, keys: &[String]) -> Done<Copy> {
    stage.enter("filling a bucket");
    for some in keys.chunks(1000) {
        let entries = some
            .iter()
            .map(|key| (&**key, Bytes::copy_from_slice(VALUE)));
        copy.bucket.set_many(entries.collect()).await?;
    }
    until_all(stage, &[&copy], keys, true).await?;
    stage.enter("waiting until reads are answered from memory");
    while copy.get_now(&keys[0]).is_err() {
        pass(Duration::from_millis(1)).await;
    }
    Ok(copy)
}

/// The time of a read, over about so long.
fn nanos<T>(keys: &[String], about: Duration, read: impl Fn(&str) -> Done<T>) -> Done<f64> {
    let began = Instant::now();
    let mut count = 0_u32;
    while count == 0 || began.elapsed() < about {
        // In blocks, so that the clock costs nothing beside them; scattered, as requests are.
        for n in count..count + 64 {
            let at = n.wrapping_mul(0x9e37_79b1) as usize % keys.len();
            black_box(read(&keys[at])?);
        }
        count += 64;
    }
    Ok(began.elapsed().as_nanos() as f64 / f64::from(count))
}
