use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_nats::Client;
use futures::StreamExt as _;
use keywell_servers::Nats;
use tokio::task::JoinSet;

/// A server for each copy, and a network between the servers that loses messages.
pub(crate) struct Bridge {
    pub(crate) servers: Vec<Nats>,
    state: Arc<State>,
    /// Ends with this.
    _carrying: JoinSet<()>,
}

#[derive(Default)]
struct State {
    /// How many of a hundred messages are lost.
    loss: AtomicU64,
    /// Whether the first server is cut off from the others.
    is_cut: AtomicBool,
    random: AtomicU64,
    lost: AtomicU64,
    carried: AtomicU64,
}

// === impl Bridge ===

impl Bridge {
    pub(crate) async fn between(servers: usize, seed: u64) -> Self {
        let state = Arc::new(State::default());
        state.random.store(seed, Ordering::Relaxed);
        let mut started = Vec::new();
        let mut clients = Vec::new();
        for _ in 0..servers {
            let nats = Nats::start().await.unwrap();
            let options = async_nats::ConnectOptions::new().no_echo();
            clients.push(options.connect(nats.url()).await.unwrap());
            started.push(nats);
        }
        let mut carrying = JoinSet::new();
        for (from, client) in clients.iter().enumerate() {
            let subscribed = client.subscribe("lattice.state.>").await;
            client.flush().await.unwrap();
            let clients = clients.clone();
            let state = state.clone();
            let mut messages = subscribed.unwrap();
            carrying.spawn(async move {
                while let Some(message) = messages.next().await {
                    state.carry(&clients, from, &message).await;
                }
            });
        }
        Self {
            servers: started,
            state,
            _carrying: carrying,
        }
    }

    pub(crate) fn lose(&self, percent: u64) {
        self.state.loss.store(percent, Ordering::Relaxed);
    }

    pub(crate) fn cut(&self, yes: bool) {
        self.state.is_cut.store(yes, Ordering::Relaxed);
    }

    /// How many messages were lost, and how many were not.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.state.lost), read(&self.state.carried))
    }
}

// === impl State ===

impl State {
    async fn carry(&self, clients: &[Client], from: usize, message: &async_nats::Message) {
        for (to, client) in clients.iter().enumerate() {
            if to == from {
                continue;
            }
            let is_cut = self.is_cut.load(Ordering::Relaxed) && (from == 0 || to == 0);
            if is_cut || self.roll() < self.loss.load(Ordering::Relaxed) {
                self.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.carried.fetch_add(1, Ordering::Relaxed);
            let sent = client.publish(message.subject.clone(), message.payload.clone());
            sent.await.unwrap();
        }
    }

    /// A number below a hundred.
    fn roll(&self) -> u64 {
        let step = 6_364_136_223_846_793_005_u64;
        let before = self.random.fetch_add(step | 1, Ordering::Relaxed);
        (before.wrapping_mul(step) >> 33) % 100
    }
}
