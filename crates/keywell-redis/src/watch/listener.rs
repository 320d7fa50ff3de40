//! One primary's listener: a session for each connection, one after the other.
//!
//! Every watch that is open gets a gap for each time without a connection. A server that does not emit
//! the events that watches need ends them with an error that has the command to run.

use std::time::{Duration, Instant};

use keywell_store::Error;
use tokio::sync::mpsc;

use super::emission::Emission;
use super::members::Members;
use super::notifications::{self, Unfit};
use super::request::Request;
use super::session::Session;
use super::slots::Peers;
use crate::link::{Backoff, Link, Primary};

/// How to listen.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListenerSettings {
    pub(super) database: u32,
    /// Whether `notify-keyspace-events` may be set.
    pub(super) configure: bool,
    /// How often a server is asked whether it still emits events.
    pub(super) check_interval: Duration,
}

enum Refused {
    ForNow(Error),
    ForGood(Error),
}

/// After a connection that lasted so long, the next attempt comes soon.
const LASTING: Duration = Duration::from_secs(10);

/// Listens at a primary until it is aborted, over any number of connections. `peers` are the
/// listeners at the other nodes of a cluster.
pub(super) async fn run(
    link: Link,
    primary: Primary,
    settings: ListenerSettings,
    peers: Option<Peers>,
    mut requests: mpsc::UnboundedReceiver<Request>,
) {
    let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(2));
    let mut members = Members::default();
    loop {
        match connect(&link, &primary, settings, peers.clone()).await {
            Ok(session) => {
                let begun = Instant::now();
                let ended = session.run(&mut members, &mut requests).await;
                // A connection that is lost at once may be lost so each time.
                if begun.elapsed() >= LASTING {
                    backoff.reset();
                }
                match ended {
                    Some(problem) => tracing::warn!("a watch lost its connection: {problem}"),
                    None => return,
                }
            }
            Err(Refused::ForGood(error)) => {
                tracing::error!("watches end: {error}");
                members.refuse_all(&error);
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
                    // Members get a gap with the next connection; until then another listener may
                    // be the source of the key.
                    Some(Request::Reread(..) | Request::Peer(_)) => {
                        if let Some(peers) = &peers {
                            peers.release_all();
                        }
                    }
                },
            }
        }
    }
}

async fn connect(
    link: &Link,
    primary: &Primary,
    settings: ListenerSettings,
    peers: Option<Peers>,
) -> Result<Session, Refused> {
    let ListenerSettings {
        database,
        configure,
        check_interval,
    } = settings;
    let connection = link.dedicated_at(primary).await.map_err(Refused::ForNow)?;
    let emitted = notifications::ensure(link, primary, configure).await;
    let emitted = emitted.map_err(|unfit| match unfit {
        Unfit::Silent(error) => Refused::ForGood(error),
        Unfit::Unknown(error) => Refused::ForNow(error),
    })?;
    if let Some(remedy) = &emitted.remedy {
        tracing::warn!(
            "the server emits no events for keys that expire or are evicted, so watches miss those; \
             {remedy}"
        );
    }
    let cli = link.cli_at(primary);
    let emission = Emission::new(check_interval, emitted.flags, configure, cli);
    let within = link.answer_timeout();
    let session = Session::start(connection, database, within, peers, emission).await;
    session.map_err(Refused::ForNow)
}
