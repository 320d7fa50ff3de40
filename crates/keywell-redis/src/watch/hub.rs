use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream;
use keywell_store::{Error, Event, Filter, Result, Watch};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::listener::{self, Request, Settings};
use super::owed::Debt;
use super::peers::Peers;
use super::pending::Pending;
use super::queue::Queue;
use super::subscription::{Subscription, named_keys, subscriptions};
use super::tellers::Tellers;
use super::{notifications, switches};
use crate::link::{Link, Place};
use crate::options::{Address, Options};
use crate::plain::Keys;

/// The watches of a store. It has connections of its own while there are any.
pub(crate) struct Hub {
    link: Link,
    settings: Settings,
    /// How long opening a watch may take.
    patience: Duration,
    tellers: Arc<Tellers>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    watchers: HashMap<u64, Arc<Watcher>>,
    next: u64,
    listeners: HashMap<Place, Listener>,
    follower: Option<Task>,
    is_closed: bool,
}

/// Somebody who watches.
pub(super) struct Watcher {
    pub(super) number: u64,
    pub(super) keys: Keys,
    pub(super) subscriptions: Vec<Subscription>,
    /// The keys that are told again after a gap.
    pub(super) named: Arc<[String]>,
    pub(super) queue: Queue,
}

struct Listener {
    requests: mpsc::UnboundedSender<Request>,
    _task: Task,
}

/// Ends when it is dropped.
struct Task(JoinHandle<()>);

/// Ends a watch when it is dropped.
struct Guard {
    hub: Arc<Hub>,
    watcher: Arc<Watcher>,
}

// === impl Hub ===

impl Hub {
    pub(crate) fn new(link: Link, options: &Options) -> Arc<Self> {
        Arc::new(Self {
            link,
            settings: Settings {
                database: options.database,
                configure: options.configure_notifications,
                checked: options.notifications_checked,
            },
            patience: options.connect_timeout + 2 * options.answer_timeout,
            tellers: Arc::default(),
            state: Mutex::default(),
        })
    }

    /// Begins to watch: every write that begins after this is answered is told or counted.
    pub(crate) async fn watch(self: Arc<Self>, keys: Keys, filter: Filter) -> Result<Watch> {
        let places = self.link.places().await?;
        for place in &places {
            notifications::ensure(&self.link, place, self.settings.configure).await?;
        }
        let subscriptions = subscriptions(self.settings.database, &keys, &filter);
        let named = named_keys(&filter).into_iter().map(str::to_owned);
        let named: Arc<[String]> = named.collect();
        let (guard, joined) = self.join(&places, |number| Watcher {
            number,
            keys,
            subscriptions,
            queue: Queue::new(named.clone()),
            named,
        })?;
        let joined = timeout(self.patience, futures::future::try_join_all(joined)).await;
        match joined {
            Ok(Ok(outcomes)) => outcomes.into_iter().collect::<Result<Vec<()>>>()?,
            Ok(Err(_)) => return Err(Error::Unavailable("the store is closed".into())),
            Err(_) => {
                let problem = "the server did not confirm the subscription in time";
                return Err(Error::Unavailable(problem.into()));
            }
        };
        let coalesced = guard.watcher.queue.coalesced().clone();
        let events = stream::poll_fn(move |context| guard.poll(context));
        Ok(Watch::new(None, events).counting(coalesced))
    }

    fn join(
        self: &Arc<Self>,
        places: &[Place],
        watcher: impl FnOnce(u64) -> Watcher,
    ) -> Result<(Guard, Vec<oneshot::Receiver<Result<()>>>)> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(Error::Unavailable("the store is closed".into()));
        }
        let number = state.next;
        state.next += 1;
        let watcher = Arc::new(watcher(number));
        state.watchers.insert(number, watcher.clone());
        let mut joined = Vec::with_capacity(places.len());
        for place in places {
            if !state.listeners.contains_key(place) {
                let listener = self.listen(place, &state.watchers, Some(number));
                state.listeners.insert(place.clone(), listener);
            }
        }
        for listener in state.listeners.values() {
            let (answer, answered) = oneshot::channel();
            // A listener lives as long as it is in the map.
            let _ = listener
                .requests
                .send(Request::Join(watcher.clone(), Some(answer)));
            joined.push(answered);
        }
        if state.follower.is_none() {
            state.follower = Some(Task(tokio::spawn(follow(
                self.link.clone(),
                Arc::downgrade(self),
            ))));
        }
        drop(state);
        let hub = self.clone();
        Ok((Guard { hub, watcher }, joined))
    }

    /// Listens at a primary for everybody but one who is to be told when it is so.
    fn listen(
        self: &Arc<Self>,
        place: &Place,
        watchers: &HashMap<u64, Arc<Watcher>>,
        but: Option<u64>,
    ) -> Listener {
        let (requests, received) = mpsc::unbounded_channel();
        for watcher in watchers.values() {
            if Some(watcher.number) != but {
                let _ = requests.send(Request::Join(watcher.clone(), None));
            }
        }
        let peers = self.link.is_cluster().then(|| Peers {
            link: self.link.clone(),
            hub: Arc::downgrade(self),
            tellers: self.tellers.clone(),
            own: place.clone(),
        });
        let listening = listener::run(
            self.link.clone(),
            place.clone(),
            self.settings,
            peers,
            received,
        );
        Listener {
            requests,
            _task: Task(tokio::spawn(listening)),
        }
    }

    fn leave(&self, number: u64) {
        let mut state = self.state.lock();
        state.watchers.remove(&number);
        if state.watchers.is_empty() {
            // Nobody watches: no connection, no task.
            state.listeners.clear();
            state.follower = None;
            return;
        }
        for listener in state.listeners.values() {
            let _ = listener.requests.send(Request::Leave(number));
        }
    }

    /// Listens at the primaries that there are now.
    pub(super) async fn reconcile(self: &Arc<Self>) {
        let Ok(places) = self.link.places().await else {
            return;
        };
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.watchers.is_empty() {
            return;
        }
        let before = state.listeners.len();
        state.listeners.retain(|place, _| places.contains(place));
        let has_lost = state.listeners.len() < before;
        let mut has_new = false;
        for place in places {
            if !state.listeners.contains_key(&place) {
                let listener = self.listen(&place, &state.watchers, None);
                state.listeners.insert(place, listener);
                has_new = true;
            }
        }
        // What had been heard there and not told yet is lost; one that is new says so by itself.
        if has_lost && !has_new {
            state.gap();
        }
    }

    /// Whether somebody listens at a primary.
    pub(super) fn listens(&self, place: &Place) -> bool {
        self.state.lock().listeners.contains_key(place)
    }

    /// Listens at a primary that was unknown so far, if it is one.
    pub(super) async fn find(self: &Arc<Self>, place: &Place) {
        if !self.listens(place) {
            self.link.refresh().await;
            self.reconcile().await;
        }
        if !self.listens(place) {
            self.tellers.leave(place);
        }
    }

    /// Asks something of whoever listens at a primary, unless nobody does.
    pub(super) fn send(&self, to: &Place, request: Request) -> Result<(), Request> {
        let state = self.state.lock();
        match state.listeners.get(to) {
            Some(listener) => listener.requests.send(request).map_err(|refused| refused.0),
            None => Err(request),
        }
    }

    /// Has keys read again of which somebody is owed what they hold.
    fn ask(&self, watcher: &Watcher, asked: Vec<(String, Debt)>) {
        let state = self.state.lock();
        // Any of them finds who is to tell of a key. One without a connection tells a gap.
        let Some(listener) = state.listeners.values().next() else {
            return;
        };
        for (key, debt) in asked {
            let mut late = Pending::late(watcher.number, debt.events.max(1), debt.last);
            if self.link.is_cluster() {
                // Who tells of it may be another than who heard of it.
                late = late.into_due();
            }
            let name = watcher.keys.full(&key);
            let _ = listener.requests.send(Request::Take(name, late));
        }
    }

    /// Finds the primary anew, which is this one.
    pub(super) fn reconnect(&self, primary: &Address) {
        for listener in self.state.lock().listeners.values() {
            let _ = listener.requests.send(Request::Reconnect(primary.clone()));
        }
    }

    /// Ends all watches.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.listeners.clear();
        state.follower = None;
        for watcher in state.watchers.values() {
            let closed = Error::Unavailable("the store is closed".into());
            watcher.queue.end(closed);
        }
    }
}

// === impl State ===

impl State {
    /// Tells everybody that something may have been missed, and what named keys hold now.
    fn gap(&self) {
        for watcher in self.watchers.values() {
            watcher.queue.gap();
            // Any of them finds who is to tell of a key.
            let Some(listener) = self.listeners.values().next() else {
                continue;
            };
            for key in &*watcher.named {
                let owed = Pending::owed(watcher.number);
                let _ = listener
                    .requests
                    .send(Request::Take(watcher.keys.full(key), owed));
            }
        }
    }
}

/// Follows where the data is, as long as there is anybody who watches.
async fn follow(link: Link, hub: Weak<Hub>) {
    /// Nobody tells that a cluster has another primary: to one who only watches, a node that gets
    /// its first slots says nothing. So a cluster that is watched is asked.
    const ASKED_EVERY: Duration = Duration::from_secs(5);
    if let Some(mut changes) = link.primary_changes() {
        // One may have been before this began.
        changes.mark_changed();
        loop {
            // Others learn of it sooner: who is redirected, or loses a node.
            if timeout(ASKED_EVERY, changes.changed()).await.is_err() {
                link.refresh().await;
            }
            match hub.upgrade() {
                Some(hub) => hub.reconcile().await,
                None => return,
            }
        }
    }
    switches::follow(&link, &hub).await;
}

// === impl Guard ===

impl Guard {
    fn poll(&self, context: &Context<'_>) -> Poll<Option<Result<Event>>> {
        let mut asked = Vec::new();
        let polled = self.watcher.queue.poll(context, &mut asked);
        if !asked.is_empty() {
            self.hub.ask(&self.watcher, asked);
        }
        polled
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.hub.leave(self.watcher.number);
    }
}

// === impl Task ===

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
