//! Notices when the primaries of a store change.
//!
//! A cluster that has other primaries is noticed within five seconds, and at once where a call was
//! redirected or has lost a node. Behind sentinels each primary that they name is noticed.
//!
//! A cluster is asked, since a node that gets its first slots notifies no subscriber. From Redis 7 on
//! subscribers of shard channels are notified (`sunsubscribe`), but of their channel's slot alone, so
//! it would take a channel for each of 16,384 slots.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::time::timeout;

use crate::link::{Link, Switches};
use crate::options::Address;

/// The changes of a store's primaries.
pub(super) enum Primaries {
    Cluster(Link, Receiver<Vec<Address>>),
    Sentinels {
        named: Receiver<Option<Address>>,
        /// Listens to the sentinels while it is held.
        _switches: Arc<Switches>,
    },
    /// There is one server, which stays.
    Fixed,
}

/// A change of primaries.
pub(super) enum PrimaryChange {
    /// A cluster may have others.
    Cluster,
    /// Sentinels name this one.
    Named(Address),
}

// === impl Primaries ===

impl Primaries {
    /// How often a cluster is asked.
    const ASK_INTERVAL: Duration = Duration::from_secs(5);

    pub(super) fn of(link: Link) -> Self {
        if let Some(mut changes) = link.primary_changes() {
            // There may have been one before this began.
            changes.mark_changed();
            return Self::Cluster(link, changes);
        }
        match link.switches() {
            Some(switches) => Self::Sentinels {
                named: switches.named(),
                _switches: switches,
            },
            None => Self::Fixed,
        }
    }

    /// Waits for the next change; `None` if there will be none.
    pub(super) async fn changed(&mut self) -> Option<PrimaryChange> {
        match self {
            Self::Cluster(link, changes) => {
                // Callers who are redirected, or lose a node, learn of a change sooner.
                if timeout(Self::ASK_INTERVAL, changes.changed())
                    .await
                    .is_err()
                {
                    link.refresh().await;
                }
                Some(PrimaryChange::Cluster)
            }
            Self::Sentinels { named, .. } => loop {
                named.changed().await.ok()?;
                if let Some(primary) = named.borrow_and_update().clone() {
                    return Some(PrimaryChange::Named(primary));
                }
            },
            Self::Fixed => None,
        }
    }
}
