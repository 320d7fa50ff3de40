use std::sync::Arc;
use std::time::Duration;

use keywell_client::Backoff;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::finder::Finder;
use crate::options::Address;
use crate::wire::{Dedicated, Driver, Lane};

/// Makes the connections of a lane, one after the other. Ends when it is dropped.
pub(super) struct Keeper(JoinHandle<()>);

/// What the keepers of a node share.
pub(super) struct Shared {
    pub(super) finder: Arc<Finder>,
    /// The primary that was named last, as long as sentinels are listened to.
    pub(super) named: Arc<watch::Sender<Option<Address>>>,
    /// Changes when a connection is made again, perhaps to another server.
    pub(super) renewed: watch::Sender<()>,
    /// The longest pause between two attempts to connect.
    pub(super) longest: Duration,
}

// === impl Keeper ===

impl Keeper {
    /// Starts to connect in the background, once a call needs it.
    pub(super) fn start(lane: Arc<Lane>, shared: Arc<Shared>) -> Self {
        Self(tokio::spawn(keep(lane, shared)))
    }

    pub(super) fn end(&self) {
        self.0.abort();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

/// Connects, moves commands until the connection is lost, and again.
async fn keep(lane: Arc<Lane>, shared: Arc<Shared>) {
    const FIRST: Duration = Duration::from_millis(20);
    /// A connection that lasted less than this is taken for a failed attempt.
    const SOUND: Duration = Duration::from_secs(1);

    lane.wanted().await;
    let Shared { finder, named, .. } = &*shared;
    let mut named = named.subscribe();
    let mut backoff = Backoff::new(FIRST, shared.longest);
    let mut looks = Backoff::new(FIRST, shared.longest);
    let mut failures = 0_u32;
    let mut was_connected = false;
    let mut primary = None;
    while !lane.is_closed() {
        // What was named before may have changed since, unheard; what is from now on counts.
        named.mark_unchanged();
        let found = match primary.take() {
            Some(connection) => Ok(connection),
            None => finder.find().await,
        };
        let problem = match found {
            Err(error) => error.to_string(),
            Ok(connection) => {
                if was_connected {
                    let attempts = failures + 1;
                    tracing::info!(target: "connection", server = %finder, attempts, "connected again");
                }
                was_connected = true;
                failures = 0;
                let since = Instant::now();
                let mut doubts = lane.doubts();
                let server = connection.server().clone();
                let number = lane.is_up();
                if number > 1 {
                    shared.renewed.send_replace(());
                }
                let driver = Driver::new(lane.clone(), connection.into_stream());
                let problem = tokio::select! {
                    error = driver => error.to_string(),
                    () = another_named(&mut named, &server) => {
                        "sentinels name another primary".to_owned()
                    }
                    other = primary_instead(finder, &mut doubts, number, &mut looks) => {
                        primary = Some(other);
                        "it leads to a replica".to_owned()
                    }
                };
                tracing::warn!(server = %finder, "the connection is lost; connecting again: {problem}");
                lane.is_lost(&problem);
                if primary.is_some() {
                    continue;
                }
                if since.elapsed() >= SOUND {
                    backoff.reset();
                    continue;
                }
                problem
            }
        };
        // The loss was logged, and who waits for the first connection gets the problem.
        tracing::debug!(server = %finder, "cannot connect; retrying: {problem}");
        failures = failures.saturating_add(1);
        lane.is_down(&problem);
        backoff.pause().await;
    }
}

/// A connection to the primary, once the server of the one with this number says that it is none and
/// there is another to be found.
///
/// It is looked for beside the connection that there is, less and less often: who is meant to be a
/// replica goes on to be read.
async fn primary_instead(
    finder: &Finder,
    doubts: &mut watch::Receiver<u64>,
    number: u64,
    looks: &mut Backoff,
) -> Dedicated {
    /// Who is not doubted for so long is looked after soon.
    const CALM: Duration = Duration::from_secs(30);

    let mut since = Instant::now();
    loop {
        if doubts.changed().await.is_err() {
            return std::future::pending().await;
        }
        if *doubts.borrow_and_update() != number {
            continue;
        }
        if since.elapsed() >= CALM {
            looks.reset();
        }
        looks.pause().await;
        since = Instant::now();
        match finder.find_primary().await {
            Ok(connection) => return connection,
            Err(error) => tracing::debug!("there is no other primary: {error}"),
        }
    }
}

/// Waits until another primary than this one is named.
async fn another_named(named: &mut watch::Receiver<Option<Address>>, server: &Address) {
    loop {
        if named.changed().await.is_err() {
            return std::future::pending().await;
        }
        let primary = named.borrow_and_update();
        if primary.as_ref().is_some_and(|primary| primary != server) {
            return;
        }
    }
}
