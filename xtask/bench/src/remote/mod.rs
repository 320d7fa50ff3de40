//! Stores on servers beside bare clients that send the same single requests to the same server.

#[cfg(feature = "cosmos")]
mod cosmos;
mod dynamodb;
mod etcd;
mod firestore;
mod grpc;
mod memcached;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_store::{Bucket, BucketName, Set, Store};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::Done;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::group::Group;
use crate::measure::{Subject, rounds};
use crate::row::Row;
use crate::unit::Unit;

#[cfg(feature = "cosmos")]
pub(crate) use cosmos::group as cosmos_group;
pub(crate) use dynamodb::group as dynamodb_group;
pub(crate) use etcd::group as etcd_group;
pub(crate) use firestore::group as firestore_group;
pub(crate) use memcached::group as memcached_group;

/// Of either side.
const TASKS: usize = 64;
const BUCKET: &str = "bench";
const KEY: &str = "greeting";
const VALUE: &[u8] = b"a value of 23 bytes len";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Get,
    Set,
}

const CALLS: [(&str, Call); 2] = [("get", Call::Get), ("set", Call::Set)];

/// A client that does no more than the call.
trait Bare: Send + 'static {
    /// Sends the request, and reads the whole response.
    fn call(&mut self, call: Call) -> impl Future<Output = Done> + Send;
}

fn runtime() -> Done<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.enable_all().build()?)
}

/// A bucket that has the key.
async fn bucket(store: &dyn Store) -> Done<Arc<dyn Bucket>> {
    let bucket = store.open(&BucketName::parse(BUCKET)?).await?;
    let value = Bytes::from_static(VALUE);
    bucket.set(KEY, value, Set::default()).await?;
    Ok(bucket)
}

/// A row for each call.
fn rows<B: Bare>(
    group: &mut Group,
    runtime: &Runtime,
    bucket: &Arc<dyn Bucket>,
    client: &str,
    connect: impl AsyncFn() -> Done<B>,
    effort: &Effort,
) -> Done {
    for (name, call) in CALLS {
        let subjects: [Subject<'_>; 2] = [
            Box::new(|| runtime.block_on(of_store(bucket, call, effort.load))),
            Box::new(|| runtime.block_on(of_client(&connect, call, effort.load))),
        ];
        let [ours, bare] = rounds(effort.rounds, subjects)?;
        let row = Row::new(
            format!("{}/{name}", group.name),
            format!("`{name}`, {TASKS} tasks"),
            &ours,
            client,
            &bare,
            Unit::PerSecond,
        );
        group.rows.push(row.goal(Goal::AtLeast(0.9)));
    }
    Ok(())
}

/// How many calls a second tasks make that share a bucket.
async fn of_store(bucket: &Arc<dyn Bucket>, call: Call, time: Duration) -> Done<f64> {
    let until = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let bucket = bucket.clone();
        tasks.spawn(async move {
            let mut calls = 0_u64;
            while Instant::now() < until {
                match call {
                    Call::Get => {
                        let entry = bucket.get(KEY).await?;
                        if entry.is_none_or(|entry| entry.value != VALUE) {
                            return Err("the key is missing".into());
                        }
                    }
                    Call::Set => {
                        let value = Bytes::from_static(VALUE);
                        bucket.set(KEY, value, Set::default()).await?;
                    }
                }
                calls += 1;
            }
            Ok(calls)
        });
    }
    a_second(tasks, time).await
}

/// How many calls a second as many tasks make, each with a client.
async fn of_client<B: Bare>(
    connect: &impl AsyncFn() -> Done<B>,
    call: Call,
    time: Duration,
) -> Done<f64> {
    let mut clients = Vec::new();
    for _ in 0..TASKS {
        clients.push(connect().await?);
    }
    let until = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for mut client in clients {
        tasks.spawn(async move {
            let mut calls = 0_u64;
            while Instant::now() < until {
                client.call(call).await?;
                calls += 1;
            }
            Ok(calls)
        });
    }
    a_second(tasks, time).await
}

async fn a_second(mut tasks: JoinSet<Done<u64>>, time: Duration) -> Done<f64> {
    let mut calls = 0;
    while let Some(ended) = tasks.join_next().await {
        calls += ended??;
    }
    Ok(calls as f64 / time.as_secs_f64())
}
