use std::collections::BTreeMap;
use std::sync::Arc;

use keywell_store::{Capabilities, Cas};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::check::History;
use super::event::Recorder;
use super::meeting::Meeting;
use super::operation::{Request, Response};
use super::service::Service;

/// Random clients. Each sends one request after the other, for a few shared keys.
///
/// A key is a register (set, delete, swap), a counter (increment, and now and then a set to another
/// number), or both, so that increments meet values that are not numbers. Clients send nothing
/// that the bucket does not declare.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Determines the requests.
    pub seed: u64,
    /// How many clients run at once.
    pub clients: usize,
    /// How many requests each client sends.
    pub operations: usize,
    /// How many keys the clients share. The checker works on the history of each key separately; see
    /// [`History::check`].
    pub keys: usize,
    /// The prefix of the keys. No key with it may exist.
    pub prefix: String,
}

/// One client.
struct Client<S: ?Sized> {
    number: usize,
    chance: StdRng,
    /// The versions that this client has seen, latest last; `None` if the key was absent.
    seen: BTreeMap<String, Vec<Option<String>>>,
    sent: usize,
    service: Arc<S>,
    recorder: Recorder,
}

// === impl Plan ===

impl Plan {
    /// Four clients that send forty requests each, for five keys that begin with the seed.
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            clients: 4,
            operations: 40,
            keys: 5,
            prefix: format!("{seed:x}/"),
        }
    }

    /// Runs all clients, each as a task, and collects their history.
    pub async fn run<S: Service + ?Sized + 'static>(&self, service: Arc<S>) -> History {
        self.run_between(&[service]).await
    }

    /// Runs all clients, each as a task of one of these processes in turn, and collects their history.
    ///
    /// # Panics
    ///
    /// Without a process.
    pub async fn run_between<S: Service + ?Sized + 'static>(&self, services: &[Arc<S>]) -> History {
        let (recorder, events) = Recorder::collecting();
        let mut tasks = JoinSet::new();
        for client in 0..self.clients {
            let service = services[client % services.len()].clone();
            let (plan, recorder) = (self.clone(), recorder.clone());
            tasks.spawn(async move { plan.run_client(client, service, recorder).await });
        }
        tasks.join_all().await;
        let events = std::mem::take(&mut *events.lock());
        History::new(events, &services[0].declared())
    }

    /// Runs all clients, each on a thread of its own, and collects their history.
    ///
    /// The clients meet before every request and send at once. Tasks on a runtime of several threads
    /// hardly ever overlap: a store in memory answers one before the next begins.
    pub async fn run_on_threads<S: Service + ?Sized + 'static>(&self, service: Arc<S>) -> History {
        let declared = service.declared();
        let meeting = Arc::new(Meeting::new(service, self.clients));
        let (recorder, events) = Recorder::collecting();
        let mut threads = JoinSet::new();
        for client in 0..self.clients {
            let (plan, meeting, recorder) = (self.clone(), meeting.clone(), recorder.clone());
            threads.spawn_blocking(move || {
                Handle::current().block_on(plan.run_client(client, meeting, recorder));
            });
        }
        threads.join_all().await;
        let events = std::mem::take(&mut *events.lock());
        History::new(events, &declared)
    }

    /// Runs one client, which records its events with `recorder`.
    pub async fn run_client<S: Service + ?Sized>(
        &self,
        number: usize,
        service: Arc<S>,
        recorder: Recorder,
    ) {
        let declared = service.declared();
        let mut client = Client {
            number,
            chance: StdRng::seed_from_u64(self.seed ^ (number as u64) << 32),
            seen: BTreeMap::new(),
            sent: 0,
            service,
            recorder,
        };
        while client.sent < self.operations {
            let sort = client.chance.random_range(0..self.keys.max(1));
            let key = format!("{}{}", self.prefix, sort);
            let request = match sort % 3 {
                0 => client.register(&key, declared),
                1 => client.counter(&key, declared),
                _ if client.chance.random() => client.register(&key, declared),
                _ => client.counter(&key, declared),
            };
            // As compare-and-swap loops do, so that some swaps succeed.
            if matches!(request, Request::Swap { .. }) && client.chance.random() {
                client.call(&key, Request::Get).await;
                if let Some(request) = client.swap(&key) {
                    client.call(&key, request).await;
                }
            } else {
                client.call(&key, request).await;
            }
        }
    }
}

// === impl Client ===

impl<S: Service + ?Sized> Client<S> {
    async fn call(&mut self, key: &str, request: Request) {
        self.sent += 1;
        self.recorder.invoked(self.number, key, &request);
        let response = self.service.call(key, &request).await;
        self.recorder.returned(self.number, &response);
        let seen = match response {
            Response::Entry(entry) => entry.map(|(_, version)| version),
            Response::Set(version) => Some(version),
            Response::Swapped(version) => version,
            Response::Deleted => None,
            _ => return,
        };
        self.seen.entry(key.to_owned()).or_default().push(seen);
    }

    fn register(&mut self, key: &str, declared: Capabilities) -> Request {
        let swaps = declared.cas != Cas::None;
        match self.chance.random_range(0..10) {
            0..=2 => Request::Get,
            3 => Request::Exists,
            4..=5 => Request::Set(self.value()),
            6 => Request::Delete,
            _ if swaps => self.swap(key).unwrap_or(Request::Get),
            _ => Request::Get,
        }
    }

    fn counter(&mut self, key: &str, declared: Capabilities) -> Request {
        match self.chance.random_range(0..20) {
            0..=4 => Request::Get,
            5 => Request::Delete,
            6 => Request::Set(self.chance.random_range(-9..9).to_string()),
            7 => Request::Set((i64::MAX - 2).to_string()),
            8..=9 if declared.cas != Cas::None => self.swap(key).unwrap_or(Request::Get),
            _ if declared.increment => Request::Increment(self.chance.random_range(-2..=3)),
            _ => Request::Get,
        }
    }

    /// A swap, mostly at the version seen last; none before the client has seen one.
    fn swap(&mut self, key: &str) -> Option<Request> {
        let seen = self.seen.get(key)?;
        let back = if self.chance.random_bool(0.8) {
            0
        } else {
            self.chance.random_range(0..seen.len())
        };
        let expected = seen.iter().rev().nth(back).cloned().flatten();
        let keeps = self.chance.random_bool(0.85);
        let change = keeps.then(|| self.value());
        Some(Request::Swap { expected, change })
    }

    /// A unique value, or one of three that recur. Only versions distinguish a value that was
    /// changed and changed back from one that was not.
    fn value(&mut self) -> String {
        if self.chance.random() {
            format!("{}.{}", self.number, self.sent)
        } else {
            self.chance.random_range(1..=3).to_string()
        }
    }
}
