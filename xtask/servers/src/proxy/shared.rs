use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::budget::Budget;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// Commands.
    Server,
    /// Answers.
    Client,
}

/// What connections look at.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) target: Mutex<SocketAddr>,
    /// Connections that began before the present number end.
    pub(super) cuts: watch::Sender<u64>,
    pub(super) refusing: watch::Sender<bool>,
    /// Accepted since the start, and open now.
    pub(super) counts: watch::Sender<(usize, usize)>,
    pub(super) ways: [Way; 2],
}

#[derive(Debug)]
pub(super) struct Way {
    pub(super) stalled: watch::Sender<bool>,
    pub(super) delay: Mutex<Duration>,
    pub(super) budget: Mutex<Option<Budget>>,
}

// === impl Shared ===

impl Shared {
    pub(super) fn way(&self, towards: Towards) -> &Way {
        &self.ways[match towards {
            Towards::Server => 0,
            Towards::Client => 1,
        }]
    }

    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

// === impl Way ===

impl Way {
    pub(super) fn new() -> Self {
        Self {
            stalled: watch::Sender::new(false),
            delay: Mutex::default(),
            budget: Mutex::default(),
        }
    }
}
