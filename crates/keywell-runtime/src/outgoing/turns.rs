//! Bounds how many connections are being opened to one host at once.
//!
//! A server keeps connections that it has not accepted yet in a queue, whose length it chooses when
//! it begins to listen (`listen(2)`): 5 in Python's `http.server`, which on Linux holds six. The
//! server's system drops what comes while the queue is full, and the client's system sends it again
//! after 1, 3, 7, 15 and 31 seconds. So connections take turns: to one host [`DialTurns::MOST`] are
//! being opened at once, and the others wait in order. Three of each of two processes fit such a
//! queue.
//!
//! A turn begins before the host's name is resolved, and ends when the server sends its first byte:
//! then it has certainly accepted the connection. A server that accepts and takes its time to
//! answer looks the same as one that does not accept, so a turn also ends when the server was
//! silent for [`DialTurns::SILENCE`] after the system had connected: slow responses delay other
//! connections by no more than that, three at a time. A connection that is used again needs no
//! turn, and a request that waits for a turn takes one that another request has finished with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of all hosts. A host is in memory for as long as a connection to it has a turn or waits
/// for one.
#[derive(Default)]
pub(super) struct DialTurns(Mutex<HashMap<HostPort, Line>>);

/// A host's name or address, in lower case, and its port.
pub(super) type HostPort = (String, u16);

/// A turn, which ends when this is dropped.
pub(super) struct DialTurn {
    _permit: OwnedSemaphorePermit,
    _visit: Visit,
}

/// The connections that have a turn at one host or wait for one.
struct Line {
    visits: usize,
    semaphore: Arc<Semaphore>,
}

/// Keeps a line in memory.
struct Visit {
    turns: Arc<DialTurns>,
    host: HostPort,
}

// === impl DialTurns ===

impl DialTurns {
    /// How many connections to one host are being opened at once.
    pub(super) const MOST: usize = 3;
    /// How long a connected server may be silent before the next connection is opened.
    pub(super) const SILENCE: Duration = Duration::from_millis(250);

    /// Waits for a turn, in order of arrival.
    pub(super) async fn take(self: &Arc<Self>, host: HostPort) -> DialTurn {
        let semaphore = {
            let mut lines = self.0.lock();
            let line = lines.entry(host.clone()).or_insert_with(|| Line {
                visits: 0,
                semaphore: Arc::new(Semaphore::new(Self::MOST)),
            });
            line.visits += 1;
            line.semaphore.clone()
        };
        let visit = Visit {
            turns: self.clone(),
            host,
        };
        let permit = semaphore.acquire_owned().await;
        DialTurn {
            _permit: permit.expect("the semaphore of a line is never closed"),
            _visit: visit,
        }
    }
}

// === impl Visit ===

impl Drop for Visit {
    fn drop(&mut self) {
        let mut lines = self.turns.0.lock();
        if let Some(line) = lines.get_mut(&self.host) {
            line.visits -= 1;
            if line.visits == 0 {
                lines.remove(&self.host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn host(port: u16) -> HostPort {
        ("localhost".to_owned(), port)
    }

    #[tokio::test]
    async fn turns_are_given_in_order_and_hosts_do_not_wait_for_each_other() {
        let turns = Arc::new(DialTurns::default());
        let mut taken = Vec::new();
        for _ in 0..DialTurns::MOST {
            taken.push(turns.take(host(1)).await);
        }
        let mut second = Box::pin(turns.take(host(1)));
        let mut third = Box::pin(turns.take(host(1)));
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut third).now_or_never().is_none());
        drop(turns.take(host(2)).await);
        taken.pop();
        assert!((&mut third).now_or_never().is_none());
        let second = second.now_or_never();
        assert!(second.is_some());
        drop(second);
        assert!(third.now_or_never().is_some());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_hosts_without_turns() {
        let turns = Arc::new(DialTurns::default());
        let mut taken = Vec::new();
        for _ in 0..DialTurns::MOST {
            taken.push(turns.take(host(1)).await);
        }
        // One that waits no longer leaves nothing, either.
        assert!(turns.take(host(1)).now_or_never().is_none());
        assert_eq!(turns.0.lock().len(), 1);
        taken.clear();
        assert!(turns.0.lock().is_empty());
    }
}
