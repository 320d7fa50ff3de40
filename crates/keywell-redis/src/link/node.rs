use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keywell_store::Result;
use redis::Cmd;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::finder::Finder;
use super::reply::{Effect, Verdict};
use crate::options::Options;
use crate::wire::{Dedicated, Driver, Lane};

/// The connections to one server, which are made again whenever they are lost.
pub(crate) struct Node {
    lanes: Vec<Arc<Lane>>,
    next: AtomicUsize,
    finder: Arc<Finder>,
    cut: Arc<Notify>,
    keepers: Vec<Keeper>,
}

/// Ends its task when it is dropped.
struct Keeper(JoinHandle<()>);

// === impl Node ===

impl Node {
    /// Starts to connect in the background, once somebody wants to call.
    pub(crate) fn start(finder: Finder, options: &Options) -> Self {
        let finder = Arc::new(finder);
        let cut = Arc::new(Notify::new());
        let mut lanes = Vec::with_capacity(options.connections);
        let mut keepers = Vec::with_capacity(options.connections);
        for _ in 0..options.connections {
            let lane = Arc::new(Lane::new(options.answer_timeout));
            let keeping = keep(
                lane.clone(),
                finder.clone(),
                cut.clone(),
                options.reconnect_max_delay,
            );
            keepers.push(Keeper(tokio::spawn(keeping)));
            lanes.push(lane);
        }
        Self {
            lanes,
            next: AtomicUsize::new(0),
            finder,
            cut,
            keepers,
        }
    }

    /// One of its connections, each in turn.
    pub(crate) fn lane(&self) -> &Lane {
        if let [only] = &self.lanes[..] {
            return only;
        }
        &self.lanes[self.next.fetch_add(1, Ordering::Relaxed) % self.lanes.len()]
    }

    pub(crate) fn lanes(&self) -> &[Arc<Lane>] {
        &self.lanes
    }

    /// Sends a command. A server that says of itself that it takes no writes is looked after.
    pub(crate) async fn call(&self, effect: Effect, command: &Cmd) -> Result<Verdict> {
        let lane = self.lane();
        // Before: what is late to say so says nothing about connections that came since.
        let connection = lane.connection();
        let reply = lane.call(command).await;
        let verdict = Verdict::of(reply.map_err(|lost| effect.error(lost))?);
        if let Verdict::ReadOnly(_) = verdict {
            lane.doubt(connection);
        }
        Ok(verdict)
    }

    /// Where dedicated connections come from.
    pub(crate) fn finder(&self) -> &Arc<Finder> {
        &self.finder
    }

    /// Gives up the connections that there are, and finds the server anew.
    pub(crate) fn reconnect(&self) {
        self.cut.notify_waiters();
    }

    /// Takes no more commands, and waits until those sent are answered or too late.
    pub(crate) async fn close(&self, bound: Duration) {
        for lane in &self.lanes {
            lane.close();
        }
        let mut pauses = Backoff::new(Duration::from_millis(1), Duration::from_millis(20));
        let until = Instant::now() + bound;
        while self.lanes.iter().any(|lane| lane.pending() > 0) && Instant::now() < until {
            pauses.pause().await;
        }
        for keeper in &self.keepers {
            keeper.0.abort();
        }
        // What a connection had is told by its end.
        for lane in &self.lanes {
            lane.give_back("the store is closed");
        }
    }
}

// === impl Keeper ===

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects, moves commands until the connection is lost, and again.
async fn keep(lane: Arc<Lane>, finder: Arc<Finder>, cut: Arc<Notify>, longest: Duration) {
    const FIRST: Duration = Duration::from_millis(20);
    /// A connection that lasted less than this is taken for a failed attempt.
    const SOUND: Duration = Duration::from_secs(1);

    lane.wanted().await;
    let mut backoff = Backoff::new(FIRST, longest);
    let mut looks = Backoff::new(FIRST, longest);
    let mut failures = 0_u32;
    let mut primary = None;
    while !lane.is_closed() {
        let found = match primary.take() {
            Some(connection) => Ok(connection),
            None => finder.find().await,
        };
        let problem = match found {
            Err(error) => error.to_string(),
            Ok(connection) => {
                if failures > 0 {
                    tracing::info!(server = %finder, attempts = failures + 1, "connected again");
                }
                failures = 0;
                let since = Instant::now();
                let mut doubts = lane.doubts();
                let number = lane.is_up();
                let driver = Driver::new(lane.clone(), connection.into_stream());
                let problem = tokio::select! {
                    error = driver => error.to_string(),
                    () = cut.notified() => "it is no longer the primary".to_owned(),
                    other = primary_instead(&finder, &mut doubts, number, &mut looks) => {
                        primary = Some(other);
                        "it leads to a replica".to_owned()
                    }
                };
                tracing::warn!(server = %finder, "the connection is lost: {problem}");
                lane.is_lost(&problem);
                if primary.is_some() {
                    continue;
                }
                if since.elapsed() >= SOUND {
                    backoff.reset();
                    continue;
                }
                problem
            }
        };
        if failures == 0 {
            tracing::warn!(server = %finder, "not connected, and trying on: {problem}");
        }
        failures = failures.saturating_add(1);
        lane.is_down(&problem);
        backoff.pause().await;
    }
}

/// A connection to the primary, once the server of the one with this number says that it is none and
/// there is another to be found.
///
/// It is looked for beside the connection that there is, less and less often: who is meant to be a
/// replica goes on to be read.
async fn primary_instead(
    finder: &Finder,
    doubts: &mut watch::Receiver<u64>,
    number: u64,
    looks: &mut Backoff,
) -> Dedicated {
    /// Who is not doubted for so long is looked after soon.
    const CALM: Duration = Duration::from_secs(30);

    let mut since = Instant::now();
    loop {
        if doubts.changed().await.is_err() {
            return std::future::pending().await;
        }
        if *doubts.borrow_and_update() != number {
            continue;
        }
        if since.elapsed() >= CALM {
            looks.reset();
        }
        looks.pause().await;
        since = Instant::now();
        match finder.find_primary().await {
            Ok(connection) => return connection,
            Err(error) => tracing::debug!("there is no other primary: {error}"),
        }
    }
}
