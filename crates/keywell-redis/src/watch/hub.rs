//! Opens watches of a store in the plain layout.
//!
//! A watch that is open gets every later write, or a count or a gap in its place. It ends when it is
//! dropped, and with the last one end all connections and tasks.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::try_join_all;
use futures::stream;
use keywell_store::{Error, Event, Filter, Result, Watch};
use tokio::time::timeout;

use super::listener::ListenerSettings;
use super::listeners::Listeners;
use super::notifications;
use super::watcher::Watcher;
use crate::link::Link;
use crate::options::Options;
use crate::plain::Keys;

/// The watches of a store.
pub(crate) struct Hub {
    link: Link,
    settings: ListenerSettings,
    /// How long opening a watch may take.
    open_timeout: Duration,
    listeners: Arc<Listeners>,
}

/// Ends a watch when it is dropped.
struct Guard {
    listeners: Arc<Listeners>,
    watcher: Arc<Watcher>,
}

// === impl Hub ===

impl Hub {
    pub(crate) fn new(link: Link, options: &Options) -> Arc<Self> {
        let settings = ListenerSettings {
            database: options.database,
            configure: options.configure_notifications,
            check_interval: options.notifications_checked,
        };
        Arc::new(Self {
            listeners: Listeners::new(link.clone(), settings),
            link,
            settings,
            open_timeout: options.connect_timeout + 2 * options.answer_timeout,
        })
    }

    /// Opens a watch: every write that begins after this returns is emitted or counted.
    pub(crate) async fn watch(self: Arc<Self>, keys: Keys, filter: Filter) -> Result<Watch> {
        let primaries = self.link.primaries().await?;
        for primary in &primaries {
            notifications::ensure(&self.link, primary, self.settings.configure).await?;
        }
        let database = self.settings.database;
        let watcher = |number| Watcher::new(number, database, keys, &filter);
        let (watcher, joined) = self.listeners.join(&primaries, watcher)?;
        let guard = Guard {
            listeners: self.listeners.clone(),
            watcher,
        };
        match timeout(self.open_timeout, try_join_all(joined)).await {
            Ok(Ok(outcomes)) => outcomes.into_iter().collect::<Result<Vec<()>>>()?,
            Ok(Err(_)) => return Err(Error::Unavailable("the store is closed".into())),
            Err(_) => {
                let problem = "the server did not confirm the subscription in time";
                return Err(Error::Unavailable(problem.into()));
            }
        };
        let coalesced = guard.watcher.queue().coalesced().clone();
        let events = stream::poll_fn(move |context| guard.poll(context));
        Ok(Watch::new(None, events).counting(coalesced))
    }

    /// Ends all watches.
    pub(crate) fn close(&self) {
        self.listeners.close();
    }
}

// === impl Guard ===

impl Guard {
    fn poll(&self, context: &Context<'_>) -> Poll<Option<Result<Event>>> {
        let mut rereads = Vec::new();
        let polled = self.watcher.queue().poll(context, &mut rereads);
        if !rereads.is_empty() {
            self.listeners.reread(&self.watcher, rereads);
        }
        polled
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.listeners.leave(self.watcher.number());
    }
}
