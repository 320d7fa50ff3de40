//! A listener at a node of a cluster, as one among the listeners at all nodes.
//!
//! It releases its slots when its reader ends, so that a lost connection leaves no slot without a
//! source for longer than the next event.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use redis::Value;

use super::contention::Contention;
use super::directory::{Directory, PeerRequest};
use super::sources::{Claim, SlotSources, SourceGuard};
use crate::link::{Backoff, Found, Link, Primary, Route, slot};
use crate::wire::command;

/// How a listener deals with the others.
#[derive(Clone)]
pub(in crate::watch) struct Peers {
    link: Link,
    directory: Weak<dyn Directory>,
    sources: Arc<SlotSources>,
    own: Primary,
}

// === impl Peers ===

impl Peers {
    pub(in crate::watch) fn new(
        link: Link,
        directory: Weak<dyn Directory>,
        sources: Arc<SlotSources>,
        own: Primary,
    ) -> Self {
        Self {
            link,
            directory,
            sources,
            own,
        }
    }

    /// The node that this listener is at.
    pub(super) fn own(&self) -> &Primary {
        &self.own
    }

    /// How often the slot of a key has lost its source.
    pub(super) fn epoch(&self, name: &[u8]) -> u64 {
        self.sources.epoch(slot(name))
    }

    /// Who is the source of a key's slot, and in which epoch. A vacant slot goes to the node that has
    /// the key according to ours.
    pub(super) fn claim(&self, name: &[u8], found: &Found) -> (Claim, u64) {
        let first = match found {
            Found::Here(_) | Found::Asked => Some(&self.own),
            Found::Moved(to) => Some(to),
            Found::Unknown(_) => None,
        };
        self.sources.claim(slot(name), &self.own, first)
    }

    /// Keeps this listener the source of a key's slot; `None` if it is not, or the epoch is over.
    pub(super) fn hold(&self, name: &[u8], epoch: u64) -> Option<SourceGuard<'_>> {
        self.sources.hold(slot(name), &self.own, epoch)
    }

    /// Returns contested events to their listeners, which retry.
    pub(super) fn return_contested(&self, name: &[u8], contested: Vec<(Primary, Contention)>) {
        for (by, events) in contested {
            // A listener that ended has reported a gap.
            let request = PeerRequest::Retry(name.to_vec(), Box::new(events));
            let _ = self.send(&by, request);
        }
    }

    /// Transfers the slot of a key to another listener, or to the first that claims it.
    pub(super) fn transfer(&self, name: &[u8], to: Option<Primary>) {
        self.sources.transfer(slot(name), &self.own, to);
    }

    /// Releases all slots whose source is this listener.
    pub(in crate::watch) fn release_all(&self) {
        self.sources.release_all(&self.own);
    }

    /// Whether a node has a listener.
    pub(super) fn is_listening(&self, primary: &Primary) -> bool {
        let directory = self.directory.upgrade();
        directory.is_some_and(|directory| directory.is_listening(primary))
    }

    /// Sends a request to the listener at another node, or returns it if there is none.
    pub(super) fn send(&self, to: &Primary, request: PeerRequest) -> Result<(), PeerRequest> {
        match self.directory.upgrade() {
            Some(directory) => directory.send(to, request),
            // All watches have ended.
            None => Ok(()),
        }
    }

    /// Reads a key wherever it is.
    pub(super) fn read(&self, name: &[u8]) -> BoxFuture<'static, keywell_store::Result<Value>> {
        let (link, name) = (self.link.clone(), name.to_vec());
        Box::pin(async move {
            let get = command(&[b"GET", &name]);
            link.read(Route::Key(&name), &get).await
        })
    }

    /// Waits until a node has a listener, if it is one of the cluster's primaries.
    pub(super) fn discover(&self, primary: Primary) -> BoxFuture<'static, ()> {
        let directory = self.directory.clone();
        Box::pin(async move {
            if let Some(directory) = directory.upgrade() {
                directory.discover(primary).await;
            }
        })
    }

    /// A pause in which nodes may come to agree, longer with each attempt.
    pub(super) fn pause(attempts: u32) -> BoxFuture<'static, ()> {
        const FIRST: Duration = Duration::from_millis(5);
        const LONGEST: Duration = Duration::from_millis(200);
        let pause = (FIRST * attempts).min(LONGEST);
        Box::pin(async move { Backoff::new(pause, pause).pause().await })
    }
}
