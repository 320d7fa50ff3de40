//! Taking a snapshot of a worker, between two invocations.
//!
//! 1. The component may not call while it saves or loads, so that a state is all that connects two
//!    instances.
//! 2. A state is recorded after a new instance has loaded it, and that instance goes on. An instance
//!    that is opened from the snapshot later is as that one was, to the order of its hash maps.
//! 3. A snapshot that fails leaves the journal as it is. The instance is dropped, as its variables may
//!    have changed; the next call replays the journal.

use keywell_journal::Error as JournalError;

use super::error::WorkerError;
use super::kind::Kind;
use super::live::Live;
use super::snapshots::Snapshots;

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error("{0} called {1}, and a state is saved without calls")]
    Called(String, String),
    #[error("{0} failed: {1}")]
    Failed(String, String),
    #[error(transparent)]
    Unloaded(#[from] WorkerError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Takes a snapshot if one is due; the instance that goes on. Where that fails there is none, and a
/// warning says why.
pub(super) async fn take_if_due(kind: &Kind, live: Live) -> Option<Live> {
    let due = kind.snapshots_due(live.returned());
    let Some(snapshots) = due.filter(|_| !live.is_spent()) else {
        return Some(live);
    };
    let name = live.name().clone();
    match take(kind, snapshots, live).await {
        Ok(live) => Some(live),
        Err(error) => {
            tracing::warn!("worker {name} goes on without a snapshot: {error}");
            None
        }
    }
}

async fn take(kind: &Kind, snapshots: &Snapshots, mut live: Live) -> Result<Live, NotTaken> {
    let session = live.session().clone();
    let quiet = session.quiet();
    let saved = live.save(snapshots).await;
    if let Some(call) = quiet.end() {
        return Err(NotTaken::Called(snapshots.saving(), call));
    }
    let state = saved.map_err(|reason| NotTaken::Failed(snapshots.saving(), reason))?;
    let (bytes, most) = (state.len(), keywell_journal::MAX_RECORD_BYTES);
    if bytes > most {
        let reason = format!("its state has {bytes} bytes, and at most {most} are kept");
        return Err(NotTaken::Failed(snapshots.saving(), reason));
    }
    session.restart().await?;
    let next = Live::load(kind, live.name(), session.clone(), Some(&state)).await?;
    session.snapshot(state).await?;
    Ok(next)
}
