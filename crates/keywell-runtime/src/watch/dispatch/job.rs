//! An event on its way to the component, with what is needed to finish it: its place in its
//! partition, where it came from, and how often it was tried. A job is finished once: it was
//! delivered, or its dead letter is written.

use std::sync::Arc;

use crate::watch::checkpoint::progress::Ticket;
use crate::watch::event::KeyEvent;

/// An event that is to be delivered.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) event: KeyEvent,
    /// Its place in its partition. Once that is lost, another process tries it.
    pub(crate) ticket: Ticket,
    pub(crate) source: JobSource,
    /// How many deliveries led to it.
    pub(crate) hops: u32,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// Set once it is given up: its place among the dead letters and the reason.
    pub(crate) given_up: Option<GivenUp>,
}

/// Where an event comes from, and so what is to be done once it is finished.
#[derive(Clone, Debug)]
pub(crate) enum JobSource {
    /// From a watch: the position moves past it.
    Watch,
    /// From the dead letter of this id, which is removed.
    Replay(Arc<str>),
    /// From a reading of what is there after a gap: the position moves past the gap.
    Present,
}

#[derive(Clone, Debug)]
pub(crate) struct GivenUp {
    pub(crate) id: Arc<str>,
    pub(crate) reason: String,
    pub(crate) at_millis: u64,
    /// How often writing the letter failed.
    pub(crate) failures: u32,
}

// === impl JobSource ===

impl JobSource {
    /// Whether what is not delivered before a stop is there again at the next start.
    pub(crate) fn comes_again(&self, is_resumable: bool) -> bool {
        match self {
            Self::Replay(_) => true,
            Self::Watch | Self::Present => is_resumable,
        }
    }
}

// === impl Job ===

impl Job {
    pub(crate) fn new(event: KeyEvent, ticket: Ticket, source: JobSource, hops: u32) -> Self {
        Self {
            event,
            ticket,
            source,
            hops,
            attempts: 0,
            given_up: None,
        }
    }
}
