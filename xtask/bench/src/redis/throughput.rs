use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_redis::{Options, RedisStore};
use keywell_servers::Redis;
use keywell_store::{Bucket, BucketName, Set, Store as _};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::Done;

/// Of the store, and connections of the server's benchmark.
const TASKS: usize = 64;
const KEY: &str = "greeting";
const VALUE: &[u8; 23] = b"a value of 23 bytes len";
/// The number of requests of a first run, which estimates the rate.
const FIRST: u64 = 5000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Get,
    Set,
}

/// How many calls a second a server answers.
pub(crate) struct Throughput<'a> {
    runtime: &'a Runtime,
    server: &'a Redis,
    call: Call,
    time: Duration,
    /// How many requests fill the time.
    requests: u64,
    plain: Arc<dyn Bucket>,
    journal: Arc<dyn Bucket>,
}

// === impl Call ===

impl Call {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
        }
    }
}

// === impl Throughput ===

impl<'a> Throughput<'a> {
    pub(crate) fn new(
        runtime: &'a Runtime,
        server: &'a Redis,
        call: Call,
        time: Duration,
    ) -> Done<Self> {
        let open = |layout| runtime.block_on(open(server, layout));
        let mut throughput = Self {
            runtime,
            server,
            call,
            time,
            requests: FIRST,
            plain: open("plain")?,
            journal: open("journal")?,
        };
        let a_second = throughput.of_benchmark()?;
        throughput.requests = ((a_second * time.as_secs_f64()) as u64).max(FIRST);
        Ok(throughput)
    }

    /// Of tasks that share the one connection of a store.
    pub(crate) fn of_store(&self, layout: &str) -> Done<f64> {
        let bucket = match layout {
            "journal" => &self.journal,
            _ => &self.plain,
        };
        self.runtime.block_on(async {
            let began = Instant::now();
            let until = began + self.time;
            let mut tasks = JoinSet::new();
            for _ in 0..TASKS {
                tasks.spawn(call_until(bucket.clone(), self.call, until));
            }
            let mut calls = 0;
            while let Some(ended) = tasks.join_next().await {
                calls += ended??;
            }
            Ok(calls as f64 / began.elapsed().as_secs_f64())
        })
    }

    /// Of as many connections, each with one request at a time.
    pub(crate) fn of_benchmark(&self) -> Done<f64> {
        let (clients, requests) = (TASKS.to_string(), self.requests.to_string());
        let size = VALUE.len().to_string();
        let printed = self.runtime.block_on(self.server.benchmark(&[
            "-t",
            self.call.name(),
            "-c",
            &clients,
            "-n",
            &requests,
            "-d",
            &size,
            "--csv",
        ]))?;
        requests_per_second(&printed, self.call.name())
            .ok_or_else(|| format!("redis-benchmark printed {printed:?}").into())
    }
}

/// A bucket that has the key.
async fn open(server: &Redis, layout: &str) -> Done<Arc<dyn Bucket>> {
    let url = format!("{}?layout={layout}", server.url());
    let store = RedisStore::connect(&Options::from_url(&url)?).await?;
    let bucket = store.open(&BucketName::parse(layout)?).await?;
    bucket
        .set(KEY, Bytes::from_static(VALUE), Set::default())
        .await?;
    Ok(bucket)
}

async fn call_until(bucket: Arc<dyn Bucket>, call: Call, until: Instant) -> Done<u64> {
    let mut calls = 0;
    while Instant::now() < until {
        match call {
            Call::Get => {
                let entry = bucket.get(KEY).await?;
                if entry.is_none_or(|entry| entry.value.len() != VALUE.len()) {
                    return Err("the key is missing".into());
                }
            }
            Call::Set => {
                let value = Bytes::from_static(VALUE);
                drop(bucket.set(KEY, value, Set::default()).await?);
            }
        }
        calls += 1;
    }
    Ok(calls)
}

/// From lines such as `"SET","98039.22","0.350",…`.
fn requests_per_second(csv: &str, call: &str) -> Option<f64> {
    csv.lines().find_map(|line| {
        let mut cells = line.split(',').map(|cell| cell.trim().trim_matches('"'));
        let is_it = cells.next()?.eq_ignore_ascii_case(call);
        is_it.then(|| cells.next()?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benchmarks_answer_is_read() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\"SET\",\"98039.22\",\"0.350\"\n";
        assert_eq!(requests_per_second(csv, "set"), Some(98_039.22));
        assert_eq!(requests_per_second(csv, "get"), None);
        assert_eq!(requests_per_second("", "get"), None);
    }
}
