//! The listeners of a store: one at each primary while there are watches, none otherwise.
//!
//! - Every watch is served at every primary that is known; a primary that is new serves those that are
//!   there, and so has a gap for them.
//! - Where a listener ends with undelivered events, every watch gets a gap.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use futures::future::BoxFuture;
use keywell_store::{Error, Result};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::backlog::Reread;
use super::listener::{self, ListenerSettings};
use super::pending::Pending;
use super::primaries::{Primaries, PrimaryChange};
use super::request::Request;
use super::slots::{Directory, PeerRequest, Peers, SlotSources};
use super::watcher::Watcher;
use crate::link::{Link, Primary};
use crate::options::Address;

/// The listeners of a store, and the watches that they serve.
pub(super) struct Listeners {
    link: Link,
    settings: ListenerSettings,
    sources: Arc<SlotSources>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    watchers: HashMap<u64, Arc<Watcher>>,
    next_number: u64,
    listeners: HashMap<Primary, Listener>,
    /// Follows the changes of primaries.
    follower: Option<Task>,
    is_closed: bool,
}

struct Listener {
    requests: mpsc::UnboundedSender<Request>,
    _task: Task,
}

/// Aborts a task when it is dropped.
struct Task(JoinHandle<()>);

/// The answers of all primaries to a watch that is opening.
type Joined = Vec<oneshot::Receiver<Result<()>>>;

// === impl Listeners ===

impl Listeners {
    pub(super) fn new(link: Link, settings: ListenerSettings) -> Arc<Self> {
        Arc::new(Self {
            link,
            settings,
            sources: Arc::default(),
            state: Mutex::default(),
        })
    }

    /// Adds a watch, which these primaries serve and any others that have listeners.
    pub(super) fn join(
        self: &Arc<Self>,
        primaries: &[Primary],
        watcher: impl FnOnce(u64) -> Watcher,
    ) -> Result<(Arc<Watcher>, Joined)> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(Error::Unavailable("the store is closed".into()));
        }
        let number = state.next_number;
        state.next_number += 1;
        let watcher = Arc::new(watcher(number));
        for primary in primaries {
            if !state.listeners.contains_key(primary) {
                let listener = self.listen(primary, &state.watchers);
                state.listeners.insert(primary.clone(), listener);
            }
        }
        state.watchers.insert(number, watcher.clone());
        let mut joined = Vec::with_capacity(state.listeners.len());
        for listener in state.listeners.values() {
            let (answer, answered) = oneshot::channel();
            // A listener runs for as long as it is in the map.
            let _ = listener
                .requests
                .send(Request::Join(watcher.clone(), Some(answer)));
            joined.push(answered);
        }
        if state.follower.is_none() {
            let following = follow(self.link.clone(), Arc::downgrade(self));
            state.follower = Some(Task(tokio::spawn(following)));
        }
        Ok((watcher, joined))
    }

    /// Removes a watch. Without any, there is no connection and no task.
    pub(super) fn leave(&self, number: u64) {
        let mut state = self.state.lock();
        state.watchers.remove(&number);
        if state.watchers.is_empty() {
            state.listeners.clear();
            state.follower = None;
            return;
        }
        for listener in state.listeners.values() {
            let _ = listener.requests.send(Request::Leave(number));
        }
    }

    /// Re-reads keys whose values were dropped for lack of queue space.
    pub(super) fn reread(&self, watcher: &Watcher, rereads: Vec<(String, Reread)>) {
        let state = self.state.lock();
        // Any listener finds the source of a key. One without a connection reports a gap.
        let Some(listener) = state.listeners.values().next() else {
            return;
        };
        for (key, reread) in rereads {
            let pending = Pending::reread(watcher.number(), &reread);
            let name = watcher.full_name(&key);
            let _ = listener.requests.send(Request::Reread(name, pending));
        }
    }

    /// Ends all watches.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.listeners.clear();
        state.follower = None;
        for watcher in state.watchers.values() {
            let closed = Error::Unavailable("the store is closed".into());
            watcher.queue().end(closed);
        }
    }

    /// Starts a listener at a primary, for these watches.
    fn listen(
        self: &Arc<Self>,
        primary: &Primary,
        watchers: &HashMap<u64, Arc<Watcher>>,
    ) -> Listener {
        let (requests, received) = mpsc::unbounded_channel();
        for watcher in watchers.values() {
            let _ = requests.send(Request::Join(watcher.clone(), None));
        }
        let peers = self.link.is_cluster().then(|| {
            let directory: Weak<Self> = Arc::downgrade(self);
            Peers::new(
                self.link.clone(),
                directory,
                self.sources.clone(),
                primary.clone(),
            )
        });
        let listening = listener::run(
            self.link.clone(),
            primary.clone(),
            self.settings,
            peers,
            received,
        );
        Listener {
            requests,
            _task: Task(tokio::spawn(listening)),
        }
    }

    /// Starts and ends listeners, so that there is one at each primary.
    async fn reconcile(self: &Arc<Self>) {
        let Ok(primaries) = self.link.primaries().await else {
            return;
        };
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.watchers.is_empty() {
            return;
        }
        let before = state.listeners.len();
        state
            .listeners
            .retain(|primary, _| primaries.contains(primary));
        let has_ended = state.listeners.len() < before;
        let mut has_started = false;
        for primary in primaries {
            if !state.listeners.contains_key(&primary) {
                let listener = self.listen(&primary, &state.watchers);
                state.listeners.insert(primary, listener);
                has_started = true;
            }
        }
        // What an ended listener had not delivered is lost; a new one reports a gap by itself.
        if has_ended && !has_started {
            state.gap();
        }
    }

    /// Makes listeners connect to a new primary.
    fn reconnect(&self, primary: &Address) {
        for listener in self.state.lock().listeners.values() {
            let _ = listener.requests.send(Request::Reconnect(primary.clone()));
        }
    }
}

impl Directory for Listeners {
    fn is_listening(&self, primary: &Primary) -> bool {
        self.state.lock().listeners.contains_key(primary)
    }

    fn send(&self, to: &Primary, request: PeerRequest) -> Result<(), PeerRequest> {
        let state = self.state.lock();
        let Some(listener) = state.listeners.get(to) else {
            return Err(request);
        };
        match listener.requests.send(Request::Peer(request)) {
            Err(mpsc::error::SendError(Request::Peer(request))) => Err(request),
            _ => Ok(()),
        }
    }

    fn discover(self: Arc<Self>, primary: Primary) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if !self.is_listening(&primary) {
                self.link.refresh().await;
                self.reconcile().await;
            }
            if !self.is_listening(&primary) {
                self.sources.release_all(&primary);
            }
        })
    }
}

/// Keeps a listener at each primary while primaries change.
async fn follow(link: Link, listeners: Weak<Listeners>) {
    let mut primaries = Primaries::of(link);
    while let Some(change) = primaries.changed().await {
        let Some(listeners) = listeners.upgrade() else {
            return;
        };
        match change {
            PrimaryChange::Cluster => listeners.reconcile().await,
            PrimaryChange::Named(primary) => listeners.reconnect(&primary),
        }
    }
}

// === impl State ===

impl State {
    /// Reports a gap to every watch, and the present state of the keys that it names.
    fn gap(&self) {
        for watcher in self.watchers.values() {
            watcher.queue().gap();
            // Any listener finds the source of a key.
            let Some(listener) = self.listeners.values().next() else {
                continue;
            };
            for name in watcher.named() {
                let pending = Pending::state(watcher.number());
                let _ = listener.requests.send(Request::Reread(name, pending));
            }
        }
    }
}

// === impl Task ===

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
