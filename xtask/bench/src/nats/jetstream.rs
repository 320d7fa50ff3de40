//! `set` and `get` of `JetStream` buckets, beside the same requests by the client alone.

use std::sync::Arc;
use std::time::Instant;

use async_nats::Client;
use bytes::Bytes;
use keywell_nats::JetStreamProvider;
use keywell_servers::Nats;
use tokio::task::JoinSet;

use super::bounded::Bounded;
use super::copy::{Copy, VALUE};
use crate::Done;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::measure::{Subject, rounds};
use crate::row::Row;
use crate::unit::Unit;

const TASKS: usize = 64;
/// How many keys each task writes and reads in turn.
const KEYS: u64 = 100;
/// The stream of the bare client.
const STREAM: &str = "BARE";
const SUBJECTS: &str = "bare";
/// What our stores keep in memory.
const CACHES: [&str; 2] = ["off", "keys"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Set,
    Get,
}

/// Makes calls to a bucket, or without one.
trait Caller: Send + Sync {
    fn call(&self, call: Call, key: &str) -> impl Future<Output = Done> + Send;
}

/// Requests to the server, without a store.
struct Bare(Client);

pub(crate) fn rows(effort: &Effort) -> Done<Vec<Row>> {
    let bounded = Bounded::new(effort)?;
    let (server, off, near, bare) = bounded.run(async |stage| {
        stage.enter("starting a server");
        let server = Nats::builder().jetstream().start().await?;
        stage.enter("opening stores");
        let open = async |cache| {
            let url = format!("nats://{}?cache={cache}&bucket={cache}", server.addr());
            Done::Ok(Arc::new(Copy::open(&JetStreamProvider, &url).await?))
        };
        let (off, near) = (open(CACHES[0]).await?, open(CACHES[1]).await?);
        let bare = Arc::new(Bare::connect(&server).await?);
        Ok((server, off, near, bare))
    })?;
    // Short rounds, as client and server share the processors with whatever else runs.
    let effort = &Effort {
        rounds: effort.rounds * 3,
        load: effort.load / 3,
        ..*effort
    };
    let mut rows = Vec::new();
    // What is read was written before.
    for call in [Call::Set, Call::Get] {
        let name = call.name();
        let subjects: [Subject<'_>; 3] = [
            Box::new(|| per_second(&bounded, &off, call, "cache=off", effort)),
            Box::new(|| per_second(&bounded, &near, call, "cache=keys", effort)),
            Box::new(|| per_second(&bounded, &bare, call, "the bare client", effort)),
        ];
        let [off, near, bare] = rounds(effort.rounds, subjects)?;
        for (cache, ours) in CACHES.into_iter().zip([&off, &near]) {
            let row = Row::new(
                format!("nats/{name}/{cache}"),
                format!("JetStream `{name}`, {TASKS} tasks, `cache={cache}`"),
                ours,
                call.bare(),
                &bare,
                Unit::PerSecond,
            );
            rows.push(row.goal(Goal::AtLeast(0.8)));
        }
    }
    drop(server);
    Ok(rows)
}

/// How many calls a second tasks make that share a connection.
fn per_second<C: Caller + 'static>(
    bounded: &Bounded,
    caller: &Arc<C>,
    call: Call,
    who: &str,
    effort: &Effort,
) -> Done<f64> {
    bounded.run(async |stage| {
        stage.enter(format!("`{}` from {TASKS} tasks, {who}", call.name()));
        let began = Instant::now();
        let until = began + effort.load;
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let caller = caller.clone();
            tasks.spawn(async move {
                let keys: Vec<_> = (0..KEYS).map(|n| format!("task-{task}-{n}")).collect();
                let mut calls = 0;
                // Every key at least once, so that each is there when it is read.
                while calls < KEYS || Instant::now() < until {
                    let key = &keys[(calls % KEYS) as usize];
                    caller.call(call, key).await?;
                    calls += 1;
                }
                Done::Ok(calls)
            });
        }
        let mut calls = 0;
        while let Some(ended) = tasks.join_next().await {
            calls += ended??;
        }
        Ok(calls as f64 / began.elapsed().as_secs_f64())
    })
}

// === impl Call ===

impl Call {
    fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Get => "get",
        }
    }

    fn bare(self) -> &'static str {
        match self {
            Self::Set => "async-nats, bare publish with acknowledgement",
            Self::Get => "async-nats, bare direct get",
        }
    }
}

// === impl Copy ===

impl Caller for Copy {
    async fn call(&self, call: Call, key: &str) -> Done {
        match call {
            Call::Set => drop(self.set(key).await?),
            Call::Get => {
                let entry = self.bucket.get(key).await?;
                if entry.is_none_or(|entry| entry.value.len() != VALUE.len()) {
                    return Err(format!("the key {key} is missing").into());
                }
            }
        }
        Ok(())
    }
}

// === impl Bare ===

impl Bare {
    /// Connects, and creates a stream that keeps the last message of each subject.
    async fn connect(server: &Nats) -> Done<Self> {
        let client = async_nats::connect(server.url()).await?;
        let config = serde_json::json!({
            "name": STREAM,
            "subjects": [format!("{SUBJECTS}.>")],
            "max_msgs_per_subject": 1,
            "allow_direct": true,
            "storage": "file",
            "num_replicas": 1,
            "retention": "limits",
            "discard": "new",
        });
        let create = format!("$JS.API.STREAM.CREATE.{STREAM}");
        let created = client.request(create, config.to_string().into()).await?;
        if contains(&created.payload, "\"error\"") {
            let answer = String::from_utf8_lossy(&created.payload).into_owned();
            return Err(format!("the server created no stream: {answer}").into());
        }
        Ok(Self(client))
    }
}

impl Caller for Bare {
    async fn call(&self, call: Call, key: &str) -> Done {
        match call {
            Call::Set => {
                let subject = format!("{SUBJECTS}.{key}");
                let stored = self.0.request(subject, Bytes::from_static(VALUE)).await?;
                if !contains(&stored.payload, "\"seq\"") {
                    return Err("the server stored nothing".into());
                }
            }
            Call::Get => {
                let subject = format!("$JS.API.DIRECT.GET.{STREAM}.{SUBJECTS}.{key}");
                let found = self.0.request(subject, Bytes::new()).await?;
                if found.payload.len() != VALUE.len() {
                    return Err(format!("the key {key} is missing").into());
                }
            }
        }
        Ok(())
    }
}

fn contains(payload: &[u8], text: &str) -> bool {
    payload
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
