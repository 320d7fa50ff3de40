use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::finder::Finder;
use crate::options::Options;
use crate::wire::{Driver, Lane};

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

    /// One of its connections that works, if one does.
    pub(crate) fn sound_lane(&self) -> Arc<Lane> {
        let mut lanes = self.lanes.iter();
        let sound = lanes.find(|lane| lane.trouble().is_none());
        sound.unwrap_or(&self.lanes[0]).clone()
    }

    pub(crate) fn lanes(&self) -> &[Arc<Lane>] {
        &self.lanes
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
    let mut failures = 0_u32;
    while !lane.is_closed() {
        let problem = match finder.find().await {
            Err(error) => error.to_string(),
            Ok(connection) => {
                if failures > 0 {
                    tracing::info!(server = %finder, attempts = failures + 1, "connected again");
                }
                failures = 0;
                let since = Instant::now();
                lane.is_up();
                let driver = Driver::new(lane.clone(), connection.into_stream());
                let problem = tokio::select! {
                    error = driver => error.to_string(),
                    () = cut.notified() => "it is no longer the primary".to_owned(),
                };
                tracing::warn!(server = %finder, "the connection is lost: {problem}");
                lane.is_lost(&problem);
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
