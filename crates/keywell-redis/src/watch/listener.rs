use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keywell_store::{Error, Result};
use tokio::sync::{mpsc, oneshot};

use super::emission::Emission;
use super::hub::Watcher;
use super::notifications::{self, Unfit};
use super::peers::Peers;
use super::pending::Pending;
use super::session::Session;
use crate::link::{Backoff, Link, Place};
use crate::options::Address;

/// What is asked of whoever listens at a primary.
pub(super) enum Request {
    /// Somebody watches from now on, and is told when that is so.
    Join(Arc<Watcher>, Option<oneshot::Sender<Result<()>>>),
    /// Somebody watches no more.
    Leave(u64),
    /// A key is to be read and told, of which another listener heard.
    Take(Vec<u8>, Pending),
    /// As the other has the key too, or so it says, it is left to who heard of it.
    Retry(Vec<u8>, Pending),
    /// This is the primary: a connection to another server is given up.
    Reconnect(Address),
}

/// Those who watch at a primary.
#[derive(Default)]
pub(super) struct Members(HashMap<u64, Member>);

pub(super) struct Member {
    pub(super) watcher: Arc<Watcher>,
    pub(super) joined: Joined,
}

/// How far somebody has come.
pub(super) enum Joined {
    /// Never subscribed for; whoever waits for it is told.
    Not(Option<oneshot::Sender<Result<()>>>),
    /// Subscribed for by some connection, so that the loss of it is a gap.
    Once,
}

/// After a connection that lasted so long, another is made soon.
const LASTING: Duration = Duration::from_secs(10);

/// What is listened to, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) database: u32,
    /// Whether `notify-keyspace-events` may be set.
    pub(super) configure: bool,
    /// How often a server is asked whether it still emits events.
    pub(super) checked: Duration,
}

/// Listens at a primary until it is aborted, through any number of connections.
pub(super) async fn run(
    link: Link,
    place: Place,
    settings: Settings,
    peers: Option<Peers>,
    mut requests: mpsc::UnboundedReceiver<Request>,
) {
    let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(2));
    let mut members = Members::default();
    loop {
        match connect(&link, &place, settings, peers.clone()).await {
            Ok(session) => {
                let begun = Instant::now();
                let ended = session.run(&mut members, &mut requests).await;
                // One that ends at once may do so each time.
                if begun.elapsed() >= LASTING {
                    backoff.reset();
                }
                match ended {
                    Some(problem) => tracing::warn!("a watch lost its connection: {problem}"),
                    None => return,
                }
            }
            Err(Refused::ForGood(error)) => {
                tracing::error!("watching ends: {error}");
                members.end(&error);
            }
            Err(Refused::ForNow(error)) => tracing::debug!("a watch has no connection: {error}"),
        }
        let mut pause = std::pin::pin!(backoff.pause());
        loop {
            tokio::select! {
                () = &mut pause => break,
                request = requests.recv() => match request {
                    None => return,
                    Some(Request::Join(watcher, answer)) => members.add(watcher, answer),
                    Some(Request::Leave(number)) => drop(members.remove(number)),
                    Some(Request::Reconnect(_)) => {}
                    // Whoever is a member is told a gap; until then others may tell of the key.
                    Some(Request::Take(..) | Request::Retry(..)) => {
                        if let Some(peers) = &peers {
                            peers.leave();
                        }
                    }
                },
            }
        }
    }
}

enum Refused {
    ForNow(Error),
    ForGood(Error),
}

async fn connect(
    link: &Link,
    place: &Place,
    settings: Settings,
    peers: Option<Peers>,
) -> Result<Session, Refused> {
    let Settings {
        database,
        configure,
        checked,
    } = settings;
    let connection = link.dedicated_at(place).await.map_err(Refused::ForNow)?;
    let emission = Emission::new(checked, configure, link.cli_at(place));
    let patience = link.answer_timeout();
    let session = Session::begin(connection, database, patience, peers, emission).await;
    let session = session.map_err(Refused::ForNow)?;
    match notifications::ensure(link, place, configure).await {
        Ok(()) => Ok(session),
        Err(Unfit::Silent(error)) => Err(Refused::ForGood(error)),
        Err(Unfit::Unknown(error)) => Err(Refused::ForNow(error)),
    }
}

// === impl Members ===

impl Members {
    pub(super) fn add(
        &mut self,
        watcher: Arc<Watcher>,
        answer: Option<oneshot::Sender<Result<()>>>,
    ) {
        // Whoever is not waited for was listening elsewhere before.
        let joined = match answer {
            Some(answer) => Joined::Not(Some(answer)),
            None => Joined::Once,
        };
        self.0.insert(watcher.number, Member { watcher, joined });
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Member> {
        self.0.remove(&number)
    }

    pub(super) fn get(&self, number: u64) -> Option<&Arc<Watcher>> {
        self.0.get(&number).map(|member| &member.watcher)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Member> {
        self.0.get_mut(&number)
    }

    pub(super) fn all(&self) -> Vec<Arc<Watcher>> {
        self.0
            .values()
            .map(|member| member.watcher.clone())
            .collect()
    }

    /// Ends all watches, and refuses those who are about to begin.
    fn end(&mut self, error: &Error) {
        for (_, member) in self.0.drain() {
            member.watcher.queue.end(error.clone());
            if let Joined::Not(Some(answer)) = member.joined {
                let _ = answer.send(Err(error.clone()));
            }
        }
    }
}
