use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use keywell_system::limits::open_files;
use parking_lot::Mutex;
use slab::Slab;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::connection::Connection;
use crate::seldom::Seldom;

/// The connections of all HTTP servers of a runtime, which are bounded in number.
pub(crate) struct Connections {
    limit: usize,
    write_timeout: Duration,
    open: Mutex<Open>,
    ended: Notify,
}

#[derive(Default)]
struct Open {
    all: Slab<(u64, Arc<Connection>)>,
    /// Those of `all` that are not being closed to make room.
    counted: usize,
    /// Some that were idle for longest when all were last looked at, the oldest first.
    oldest: VecDeque<(Instant, usize)>,
    /// Until when all are known to do something.
    busy_until: Option<Instant>,
    seldom: Seldom,
    servers: u64,
}

/// A connection that is open until this is dropped.
pub(super) struct Admitted {
    connections: Arc<Connections>,
    key: usize,
    connection: Arc<Connection>,
}

// === impl Connections ===

impl Connections {
    /// Files that are open besides connections and what instances fetch: stores, logs, the program.
    const RESERVE: u64 = 128;
    /// How many idle connections are found in one look at all, and how many more than allowed may
    /// be open while those that make room are closed.
    const LOOK: usize = 64;
    /// How long all are taken to be busy, after a look at all found them so.
    const BUSY: Duration = Duration::from_millis(20);

    /// Allows `at_most` connections, and no more than the process may have files open, less a reserve
    /// for other files, such as one outgoing connection of each instance.
    pub(crate) fn new(at_most: u32, instances: u32, write_timeout: Duration) -> Self {
        let files = open_files().unwrap_or(u64::MAX);
        let reserve = (Self::RESERVE + u64::from(instances)).min(files / 2);
        let limit = (files - reserve).clamp(1, u64::from(at_most.max(1)));
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            write_timeout,
            open: Mutex::default(),
            ended: Notify::new(),
        }
    }

    /// Another server, by its number.
    pub(super) fn server(&self) -> u64 {
        let mut open = self.open.lock();
        open.servers += 1;
        open.servers
    }

    /// Takes in a new connection. Where there is no room, the one that was idle for longest is
    /// closed for it; where none is idle, the new one is refused.
    pub(super) fn admit(self: &Arc<Self>, server: u64) -> Option<Admitted> {
        let mut open = self.open.lock();
        if open.counted >= self.limit {
            let now = Instant::now();
            let made = open.all.len() < self.limit + Self::LOOK && open.make_room(now);
            let what = if made { "closed" } else { "refused" };
            if let Some(count) = open.seldom.happened(now) {
                let limit = self.limit;
                tracing::warn!(
                    limit,
                    "as many connections are open as may be: one was {what}, {count} since it \
                     was last logged; see --connections and the limit of open files"
                );
            }
            if !made {
                return None;
            }
        }
        let connection = Connection::new(self.write_timeout);
        open.counted += 1;
        let key = open.all.insert((server, connection.clone()));
        Some(Admitted {
            connections: self.clone(),
            key,
            connection,
        })
    }

    /// Closes the connections of a server when what runs on them is answered.
    pub(super) fn close(&self, server: u64) {
        for (_, (of, connection)) in &self.open.lock().all {
            if *of == server {
                connection.close_gracefully();
            }
        }
    }

    /// Waits until a server has no connection.
    pub(super) async fn closed(&self, server: u64) {
        loop {
            let ended = self.ended.notified();
            if self
                .open
                .lock()
                .all
                .iter()
                .all(|(_, (of, _))| *of != server)
            {
                return;
            }
            ended.await;
        }
    }
}

// === impl Open ===

impl Open {
    /// Closes the connection that was idle for longest, if one is idle.
    fn make_room(&mut self, now: Instant) -> bool {
        loop {
            while let Some((since, key)) = self.oldest.pop_front() {
                if let Some((_, connection)) = self.all.get(key)
                    && connection.idle_since() == Some(since)
                    && !connection.makes_room()
                {
                    connection.close_at_once();
                    self.counted -= 1;
                    return true;
                }
            }
            if self.busy_until.is_some_and(|until| now < until) {
                return false;
            }
            let idle = self.all.iter().filter_map(|(key, (_, connection))| {
                let since = connection.idle_since()?;
                (!connection.makes_room()).then_some((since, key))
            });
            let mut idle: Vec<_> = idle.collect();
            if idle.is_empty() {
                self.busy_until = Some(now + Connections::BUSY);
                return false;
            }
            if idle.len() > Connections::LOOK {
                idle.select_nth_unstable(Connections::LOOK);
                idle.truncate(Connections::LOOK);
            }
            idle.sort_unstable();
            self.oldest = idle.into();
        }
    }
}

// === impl Admitted ===

impl Admitted {
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock();
        open.all.remove(self.key);
        if !self.connection.makes_room() {
            open.counted -= 1;
        }
        drop(open);
        self.connections.ended.notify_waiters();
    }
}
