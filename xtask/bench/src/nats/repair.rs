//! Two large copies of the replicated cache that differ in few keys, from the end of a cut between
//! them until they are equal.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_nats::CacheProvider;
use keywell_servers::{Nats, Proxy};

use super::bounded::{Bounded, Stage};
use super::copy::{Copy, VALUE, keys, pass, until_all};
use super::traffic::{Counting, Traffic};
use crate::Done;
use crate::effort::Effort;
use crate::goal::Goal;
use crate::measure::{Rounds, Subject, rounds};
use crate::row::{Relation, Row};
use crate::unit::Unit;

/// How many keys the copies have, at most.
const KEYS: u32 = 1_000_000;
/// How many of them differ.
const DIFFERING: usize = 10;
/// Copies that send nothing for so long are done.
const QUIET: Duration = Duration::from_millis(250);
const POLL: Duration = Duration::from_millis(1);
const SUBJECT: &str = "bench.hello";

/// What one copy does while it is cut off from the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    /// It writes keys, which the other then pulls.
    Writes,
    /// It deletes keys. A delete is no write, so the copies compare fingerprints.
    Deletes,
}

/// What it took from the end of the cut.
#[derive(Clone, Copy)]
struct Repaired {
    time: Duration,
    traffic: Traffic,
}

/// Two copies. The way of the second can be cut.
struct Pair {
    server: Counting,
    way: Proxy,
    one: Copy,
    two: Copy,
    /// Behind the way, too.
    bare: async_nats::Client,
}

pub(crate) fn rows(effort: &Effort) -> Done<Vec<Row>> {
    let bounded = Bounded::new(effort)?;
    let keys = keys(effort.keys.min(KEYS));
    let pair = bounded.run(async |stage| Pair::fill(stage, &keys).await)?;
    let repair = |meanwhile, first: usize| {
        let keys = &keys[first..first + DIFFERING];
        bounded.run(async |stage| pair.repair(stage, meanwhile, keys).await)
    };
    // Each round has keys of its own to delete.
    let mut first = 0;
    let subjects: [Subject<'_, Repaired>; 3] = [
        Box::new(|| {
            first += DIFFERING;
            repair(Meanwhile::Deletes, first)
        }),
        Box::new(|| repair(Meanwhile::Writes, keys.len() - DIFFERING)),
        Box::new(|| bounded.run(async |stage| pair.hear(stage).await)),
    ];
    let [deletes, writes, bare] = rounds(effort.rounds, subjects)?;
    let count = keys.len();
    let row = |id: &str, what: &str, measured: &Rounds<Repaired>| {
        let id = format!("nats/repair/{id}");
        let what = format!("{DIFFERING} {what} keys of {count}");
        let millis = |repaired: &Repaired| repaired.time.as_secs_f64() * 1e3;
        let kibibytes = |repaired: &Repaired| repaired.traffic.bytes as f64 / 1024.0;
        let time = Row::new(
            format!("{id}/time"),
            format!("repair of {what}"),
            &measured.map(millis),
            "a bare message after the same cut",
            &bare.map(millis),
            Unit::Milliseconds,
        );
        let bytes = Row::new(
            format!("{id}/bytes"),
            format!("bytes sent to repair {what}"),
            &measured.map(kibibytes),
            "after a cut without differences",
            &bare.map(kibibytes),
            Unit::Kibibytes,
        );
        [
            time.related(Relation::Difference)
                .goal(Goal::AtMost(2000.0)),
            bytes
                .related(Relation::Difference)
                .goal(Goal::AtMost(976.0)),
        ]
    };
    let mut rows = Vec::from(row("deleted", "deleted", &deletes));
    rows.extend(row("written", "written", &writes));
    Ok(rows)
}

// === impl Pair ===

impl Pair {
    /// Fills one copy, and waits until the other has taken all of it.
    async fn fill(stage: &Stage, keys: &[String]) -> Done<Self> {
        stage.enter("starting a server");
        let server = Counting::start(Nats::builder()).await?;
        let way = Proxy::to(server.server.addr()).await?;
        stage.enter(format!("filling a copy with {} keys", keys.len()));
        let url = |addr| format!("nats-cache://{addr}/repair");
        let one = Copy::open(&CacheProvider, &url(server.server.addr())).await?;
        for some in keys.chunks(1000) {
            let entries = some.iter().map(|key| (&**key, Bytes::from_static(VALUE)));
            one.bucket.set_many(entries.collect()).await?;
        }
        stage.enter("opening another copy");
        let two = Copy::open(&CacheProvider, &url(way.addr())).await?;
        until_all(stage, &[&two], keys, true).await?;
        // It tries again as soon as the copies do.
        let options = async_nats::ConnectOptions::new()
            .reconnect_delay_callback(|attempts| Duration::from_millis(10_u64 << attempts.min(6)));
        let bare = options.connect(format!("nats://{}", way.addr())).await?;
        let pair = Self {
            server,
            way,
            one,
            two,
            bare,
        };
        pair.be_quiet(stage).await?;
        Ok(pair)
    }

    /// Has one copy change keys while it is cut off from the other, and waits until that has them.
    async fn repair(&self, stage: &Stage, meanwhile: Meanwhile, keys: &[String]) -> Done<Repaired> {
        self.cut(stage).await?;
        let mut versions = Vec::new();
        for key in keys {
            match meanwhile {
                Meanwhile::Writes => versions.push(self.one.set(key).await?),
                Meanwhile::Deletes => self.one.bucket.delete(key).await?,
            }
        }
        let before = self.server.traffic().await?;
        self.way.refuse(false);
        let began = Instant::now();
        match meanwhile {
            Meanwhile::Deletes => until_all(stage, &[&self.two], keys, false).await?,
            Meanwhile::Writes => {
                for (key, version) in keys.iter().zip(&versions) {
                    stage.enter(format!("waiting until the other copy has {key} anew"));
                    while self.two.get_now(key)?.version != *version {
                        pass(POLL).await;
                    }
                }
            }
        }
        let time = began.elapsed();
        self.be_quiet(stage).await?;
        let traffic = self.server.traffic().await?.since(before);
        Ok(Repaired { time, traffic })
    }

    /// The same without a difference: until a message arrives at a client behind the same way.
    async fn hear(&self, stage: &Stage) -> Done<Repaired> {
        let mut heard = self.bare.subscribe(SUBJECT).await?;
        let sender = async_nats::connect(self.server.server.url()).await?;
        self.cut(stage).await?;
        let before = self.server.traffic().await?;
        self.way.refuse(false);
        let began = Instant::now();
        stage.enter("waiting until a bare client has reconnected");
        let sending = async {
            loop {
                sender.publish(SUBJECT, Bytes::new()).await?;
                pass(POLL).await;
            }
        };
        tokio::select! {
            sent = sending => return sent,
            message = heard.next() => drop(message.ok_or("the bare client ended")?),
        }
        let time = began.elapsed();
        self.be_quiet(stage).await?;
        let traffic = self.server.traffic().await?.since(before);
        Ok(Repaired { time, traffic })
    }

    async fn cut(&self, stage: &Stage) -> Done {
        stage.enter("cutting a connection");
        self.way.refuse(true);
        self.way.cut();
        while self.way.open() > 0 {
            pass(POLL).await;
        }
        Ok(())
    }

    /// Waits until the copies send nothing more.
    async fn be_quiet(&self, stage: &Stage) -> Done {
        stage.enter("waiting until the copies send nothing more");
        let mut before = self.server.traffic().await?;
        loop {
            pass(QUIET).await;
            let now = self.server.traffic().await?;
            if now == before {
                return Ok(());
            }
            before = now;
        }
    }
}
