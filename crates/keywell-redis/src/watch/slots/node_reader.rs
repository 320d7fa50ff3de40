//! Emits what the watched keys of a cluster's node hold.
//!
//! - Emits a value only while this listener is the source of the key's slot, in the epoch in which the
//!   value was read.
//! - Passes events of other slots to their source; reports a gap where nodes do not come to agree.
//! - Releases its slots when it is dropped.

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use keywell_store::{Error, Result};
use redis::Value;

use super::contention::Contention;
use super::directory::PeerRequest;
use super::peers::Peers;
use super::sources::Claim;
use crate::link::{Found, Primary};
use crate::watch::key_event::KeyEvent;
use crate::watch::members::Members;
use crate::watch::pending::Pending;
use crate::watch::read_queue::{MAX_KEYS, Merge as _, ReadQueue};
use crate::watch::value_query::ValueQuery;

/// The keys of one node to be read and emitted.
pub(in crate::watch) struct NodeReader {
    peers: Peers,
    queue: ReadQueue<Contention>,
    /// What goes on beside the connection.
    deferred: FuturesUnordered<BoxFuture<'static, Resumed>>,
}

/// Work that went on beside the connection.
pub(in crate::watch) enum Resumed {
    /// A key that is being moved was read.
    Read(Vec<u8>, Result<Value>),
    /// A key is to be tried again.
    Retry(Vec<u8>, Contention),
}

// === impl NodeReader ===

impl NodeReader {
    /// How often nodes pass a key on without a pause.
    const QUICK_ATTEMPTS: u32 = 3;
    /// After so many attempts, which take some seconds, the nodes are not asked again.
    const MAX_ATTEMPTS: u32 = 70;

    pub(in crate::watch) fn new(peers: Peers) -> Self {
        Self {
            peers,
            queue: ReadQueue::new(),
            deferred: FuturesUnordered::new(),
        }
    }

    /// An event of a key, as these watchers have heard.
    pub(in crate::watch) fn hear(
        &mut self,
        name: Vec<u8>,
        watchers: &[u64],
        event: KeyEvent,
        members: &Members,
    ) {
        if let Some(events) = self.queue.awaiting(&name) {
            return events.hear(watchers, event);
        }
        let epoch = self.peers.epoch(&name);
        self.take(name, Contention::heard(watchers, event, epoch), members);
    }

    /// Reads and emits a key that had no new event.
    pub(in crate::watch) fn reread(&mut self, name: Vec<u8>, pending: Pending, members: &Members) {
        self.take(name, Contention::transferred(pending), members);
    }

    /// A request of another listener.
    pub(in crate::watch) fn requested(&mut self, request: PeerRequest, members: &Members) {
        match request {
            PeerRequest::Take(name, events) => self.take(name, *events, members),
            PeerRequest::Retry(name, events) => self.retry(name, *events, members),
        }
    }

    /// The next query to send, unless enough are in flight.
    pub(in crate::watch) fn next(&mut self) -> Option<(Vec<u8>, ValueQuery)> {
        let (name, query) = self.queue.next()?;
        if let Some(events) = self.queue.awaiting(&name) {
            events.mark_read_in(self.peers.epoch(&name));
        }
        Some((name, query))
    }

    /// Waits for work that goes on beside the connection; `None` if there is none.
    pub(in crate::watch) async fn resumed(&mut self) -> Option<Resumed> {
        self.deferred.next().await
    }

    /// Goes on with work that was done beside the connection.
    pub(in crate::watch) fn resume(&mut self, resumed: Resumed, members: &Members) {
        match resumed {
            Resumed::Retry(name, events) => self.take(name, events, members),
            Resumed::Read(name, value) => {
                let Some((mut events, behind)) = self.queue.finish_detached(&name) else {
                    return;
                };
                events.count_copies();
                let value = value.and_then(ValueQuery::value);
                self.emit(name, events, behind, &value, members);
            }
        }
    }

    /// The reply to a query.
    pub(in crate::watch) fn answered(
        &mut self,
        name: Vec<u8>,
        query: ValueQuery,
        reply: Value,
        members: &Members,
    ) {
        let Some((events, behind)) = self.queue.finish(&name, query) else {
            return;
        };
        let reply = match query.complete(reply) {
            Ok(reply) => reply,
            Err(next) => return self.queue.queue(name, next, events, behind),
        };
        let found = Found::of(reply, self.peers.own());
        let (claim, epoch) = self.peers.claim(&name, &found);
        if events.read_in() != epoch {
            // Another source may have emitted a newer value meanwhile.
            return self.read_again(name, events, behind);
        }
        match (claim, found) {
            (_, Found::Unknown(error)) => self.fail(name, events, behind, error, members),
            (Claim::Other(source), found) => {
                let events = match found {
                    Found::Moved(to) if to == source && events.was_heard_in(epoch) => {
                        events.into_copy()
                    }
                    Found::Moved(to) if to == source => events.into_transfer(),
                    _ => events.into_contested(self.peers.own()),
                };
                self.pass_on(&source, name.clone(), events, members);
                self.go_on(name, behind);
            }
            (_, Found::Here(value)) => {
                let value = value.and_then(ValueQuery::value);
                self.emit(name, events, behind, &value, members);
            }
            (_, Found::Asked) => {
                let read = self.peers.read(&name);
                self.queue.detach(name.clone(), events, behind);
                let resumed = async move { Resumed::Read(name, read.await) };
                self.deferred.push(Box::pin(resumed));
            }
            (_, Found::Moved(to)) => self.moved(name, events, behind, to, members),
        }
    }

    /// Reads and emits a key, wherever its events were heard.
    fn take(&mut self, name: Vec<u8>, events: Contention, members: &Members) {
        if let Err(events) = self.queue.add(name, events) {
            events.gap(members);
        }
    }

    /// Tries a key again after a pause, as the node of its source claims it as well.
    fn retry(&mut self, name: Vec<u8>, events: Contention, members: &Members) {
        let pause = Peers::pause(events.attempts());
        self.defer(name, events, pause, members);
    }

    /// Our node, which had a key so far, says that another has it.
    fn moved(
        &mut self,
        name: Vec<u8>,
        mut events: Contention,
        behind: Option<Contention>,
        to: Primary,
        members: &Members,
    ) {
        if let Some(behind) = behind {
            events.merge(behind);
        }
        // Where that node has no listener yet, one whose node claims the key will do.
        let successors = [Some(to.clone()), events.contender().cloned()];
        let mut successors = successors.into_iter().flatten();
        let Some(successor) = successors.find(|primary| self.peers.is_listening(primary)) else {
            let discovered = self.peers.discover(to);
            return self.defer(name, events.next_attempt(), discovered, members);
        };
        self.peers.transfer(&name, Some(successor.clone()));
        let events = events.into_transfer().next_attempt();
        if events.attempts() <= Self::QUICK_ATTEMPTS {
            self.pass_on(&successor, name, events, members);
        } else {
            self.retry(name, events, members);
        }
    }

    /// Passes a key on to another listener.
    fn pass_on(&mut self, to: &Primary, name: Vec<u8>, events: Contention, members: &Members) {
        let request = PeerRequest::Take(name, Box::new(events));
        if let Err(PeerRequest::Take(name, events)) = self.peers.send(to, request) {
            let discovered = self.peers.discover(to.clone());
            let events = events.into_transfer().next_attempt();
            self.defer(name, events, discovered, members);
        }
    }

    /// Tries a key again after something else is done.
    fn defer(
        &mut self,
        name: Vec<u8>,
        events: Contention,
        after: BoxFuture<'static, ()>,
        members: &Members,
    ) {
        if events.attempts() > Self::MAX_ATTEMPTS || self.deferred.len() >= MAX_KEYS {
            tracing::warn!(
                "the nodes of the cluster do not agree on which has a watched key, which is a gap"
            );
            return events.gap(members);
        }
        self.deferred.push(Box::pin(async move {
            after.await;
            Resumed::Retry(name, events)
        }));
    }

    /// Emits what a key holds, unless this listener has ceased to be its source since it was read.
    fn emit(
        &mut self,
        name: Vec<u8>,
        mut events: Contention,
        behind: Option<Contention>,
        value: &Result<Option<Bytes>>,
        members: &Members,
    ) {
        let Some(guard) = self.peers.hold(&name, events.read_in()) else {
            return self.read_again(name, events, behind);
        };
        let contested = events.take_contested();
        events.emit(value, &name, members);
        drop(guard);
        self.peers.return_contested(&name, contested);
        self.go_on(name, behind);
    }

    /// Reports that a key could not be read.
    fn fail(
        &mut self,
        name: Vec<u8>,
        mut events: Contention,
        behind: Option<Contention>,
        error: Error,
        members: &Members,
    ) {
        self.peers.transfer(&name, None);
        let contested = events.take_contested();
        self.peers.return_contested(&name, contested);
        events.count_copies();
        events.emit(&Err(error), &name, members);
        self.go_on(name, behind);
    }

    fn go_on(&mut self, name: Vec<u8>, behind: Option<Contention>) {
        if let Some(behind) = behind {
            self.read_again(name, behind, None);
        }
    }

    fn read_again(&mut self, name: Vec<u8>, events: Contention, behind: Option<Contention>) {
        let query = ValueQuery::FirstBytes;
        self.queue.queue(name, query, events, behind);
    }
}

impl Drop for NodeReader {
    fn drop(&mut self) {
        self.peers.release_all();
    }
}
