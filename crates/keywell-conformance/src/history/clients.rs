use std::collections::BTreeMap;
use std::sync::Arc;

use keywell_store::{Capabilities, Cas};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::event::Recorder;
use super::meeting::Meeting;
use super::operation::{Asked, History, Told};
use super::service::Service;

/// Random clients: each asks one question after the other, of a few keys that all share.
///
/// Keys are of three sorts: registers (set, delete, swap), counters (increment, now and then set
/// to another number), and those where anything goes, so that increments meet values that are no numbers.
/// What the bucket does not declare is not asked.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides what is asked.
    pub seed: u64,
    /// How many clients ask at once.
    pub clients: usize,
    /// How many questions each asks.
    pub operations: usize,
    /// How many keys. Operations by keys are how long a history the checker gets; see
    /// [`History::check`].
    pub keys: usize,
    /// What the keys begin with. They must be absent.
    pub prefix: String,
}

/// One client.
struct Client<S: ?Sized> {
    number: usize,
    chance: StdRng,
    /// The versions that this client was told, latest last; `None` is that the key was absent.
    seen: BTreeMap<String, Vec<Option<String>>>,
    asked: usize,
    service: Arc<S>,
    recorder: Recorder,
}

// === impl Plan ===

impl Plan {
    /// Four clients, who ask forty questions each, of five keys that begin with the seed.
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
        let (recorder, events) = Recorder::collecting();
        let mut tasks = JoinSet::new();
        for client in 0..self.clients {
            let (plan, service, recorder) = (self.clone(), service.clone(), recorder.clone());
            tasks.spawn(async move { plan.run_client(client, service, recorder).await });
        }
        tasks.join_all().await;
        let events = std::mem::take(&mut *events.lock());
        History::new(events, service.declared().cas)
    }

    /// Runs all clients, each on a thread of its own, and collects their history.
    ///
    /// They meet before every question and ask at once. Tasks on a runtime of several threads
    /// hardly ever do: a store in memory has answered one before the next has begun.
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
        History::new(events, declared.cas)
    }

    /// Runs one client, whose journal goes where `recorder` sends it.
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
            asked: 0,
            service,
            recorder,
        };
        while client.asked < self.operations {
            let sort = client.chance.random_range(0..self.keys.max(1));
            let key = format!("{}{}", self.prefix, sort);
            let asked = match sort % 3 {
                0 => client.register(&key, declared),
                1 => client.counter(&key, declared),
                _ if client.chance.random() => client.register(&key, declared),
                _ => client.counter(&key, declared),
            };
            // A read just before a swap is what compare-and-swap loops do, and makes some succeed.
            if matches!(asked, Asked::Swap { .. }) && client.chance.random() {
                client.ask(&key, Asked::Get).await;
                if let Some(asked) = client.swap(&key) {
                    client.ask(&key, asked).await;
                }
            } else {
                client.ask(&key, asked).await;
            }
        }
    }
}

// === impl Client ===

impl<S: Service + ?Sized> Client<S> {
    async fn ask(&mut self, key: &str, asked: Asked) {
        self.asked += 1;
        self.recorder.invoked(self.number, key, &asked);
        let told = self.service.ask(key, &asked).await;
        self.recorder.returned(self.number, &told);
        let seen = match told {
            Told::Entry(entry) => entry.map(|(_, version)| version),
            Told::Set(version) => Some(version),
            Told::Swapped(version) => version,
            Told::Deleted => None,
            _ => return,
        };
        self.seen.entry(key.to_owned()).or_default().push(seen);
    }

    fn register(&mut self, key: &str, declared: Capabilities) -> Asked {
        let swaps = declared.cas != Cas::None;
        match self.chance.random_range(0..10) {
            0..=2 => Asked::Get,
            3 => Asked::Exists,
            4..=5 => Asked::Set(self.value()),
            6 => Asked::Delete,
            _ if swaps => self.swap(key).unwrap_or(Asked::Get),
            _ => Asked::Get,
        }
    }

    fn counter(&mut self, key: &str, declared: Capabilities) -> Asked {
        match self.chance.random_range(0..20) {
            0..=4 => Asked::Get,
            5 => Asked::Delete,
            6 => Asked::Set(self.chance.random_range(-9..9).to_string()),
            7 => Asked::Set((i64::MAX - 2).to_string()),
            8..=9 if declared.cas != Cas::None => self.swap(key).unwrap_or(Asked::Get),
            _ if declared.increment => Asked::Increment(self.chance.random_range(-2..=3)),
            _ => Asked::Get,
        }
    }

    /// Mostly at what was told last; none before anything was.
    fn swap(&mut self, key: &str) -> Option<Asked> {
        let seen = self.seen.get(key)?;
        let back = if self.chance.random_bool(0.8) {
            0
        } else {
            self.chance.random_range(0..seen.len())
        };
        let expected = seen.iter().rev().nth(back).cloned().flatten();
        let keeps = self.chance.random_bool(0.85);
        let change = keeps.then(|| self.value());
        Some(Asked::Swap { expected, change })
    }

    /// A value of its own, or one of three that come back again and again: only versions tell
    /// a value that was changed and changed back from one that was not.
    fn value(&mut self) -> String {
        if self.chance.random() {
            format!("{}.{}", self.number, self.asked)
        } else {
            self.chance.random_range(1..=3).to_string()
        }
    }
}
