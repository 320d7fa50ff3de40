use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use keywell_client::Backoff;
use keywell_store::Result;
use parking_lot::Mutex;
use redis::Cmd;
use tokio::sync::watch;
use tokio::time::Instant;

use super::finder::Finder;
use super::keeper::{Keeper, Shared};
use super::reply::{Effect, Verdict};
use super::switches::Switches;
use crate::options::Options;
use crate::wire::Lane;

/// The connections to one server, which are made again whenever they are lost.
pub(crate) struct Node {
    lanes: Vec<Arc<Lane>>,
    next: AtomicUsize,
    shared: Arc<Shared>,
    keepers: Vec<Keeper>,
    switches: Mutex<Weak<Switches>>,
}

// === impl Node ===

impl Node {
    /// Starts to connect in the background, once a call needs it.
    pub(crate) fn start(finder: Finder, options: &Options) -> Self {
        let shared = Arc::new(Shared {
            finder: Arc::new(finder),
            named: Arc::new(watch::Sender::new(None)),
            renewed: watch::Sender::new(()),
            longest: options.reconnect_max_delay,
        });
        let mut lanes = Vec::with_capacity(options.connections);
        let mut keepers = Vec::with_capacity(options.connections);
        for _ in 0..options.connections {
            let lane = Arc::new(Lane::new(options.answer_timeout));
            keepers.push(Keeper::start(lane.clone(), shared.clone()));
            lanes.push(lane);
        }
        Self {
            lanes,
            next: AtomicUsize::new(0),
            shared,
            keepers,
            switches: Mutex::default(),
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

    /// Sends a command. A server that says of itself that it takes no writes is looked after.
    pub(crate) async fn call(&self, effect: Effect, command: &Cmd) -> Result<Verdict> {
        let lane = self.lane();
        // Before: what is late to say so says nothing about connections that came since.
        let connection = lane.connection();
        let reply = lane.call_within(command, effect.max_reply()).await;
        let verdict = Verdict::of(reply.map_err(|lost| effect.error(lost))?);
        if let Verdict::ReadOnly(_) = verdict {
            lane.doubt(connection);
        }
        Ok(verdict)
    }

    /// Where dedicated connections come from.
    pub(crate) fn finder(&self) -> &Arc<Finder> {
        &self.shared.finder
    }

    /// Changes when a connection is made again, perhaps to another server.
    pub(crate) fn renewals(&self) -> watch::Receiver<()> {
        self.shared.renewed.subscribe()
    }

    /// Hears from sentinels, if there are any, for as long as this exists.
    pub(crate) fn switches(&self) -> Option<Arc<Switches>> {
        let Finder::Sentinel(_) = &**self.finder() else {
            return None;
        };
        let mut known = self.switches.lock();
        let switches = known.upgrade().unwrap_or_else(|| {
            let (finder, named) = (self.finder().clone(), self.shared.named.clone());
            Arc::new(Switches::start(finder, named))
        });
        *known = Arc::downgrade(&switches);
        Some(switches)
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
            keeper.end();
        }
        // The end of a connection reports what it had.
        for lane in &self.lanes {
            lane.give_back("the store is closed");
        }
    }
}
