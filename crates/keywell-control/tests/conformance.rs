//! A store that another process would reach by the socket passes the conformance suite: in memory,
//! where what is behind the socket is fast, and on disk, also across restarts.

mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keywell_conformance::Subject;
use keywell_disk::DiskStore;
use keywell_memory::{History, MemoryStore};
use keywell_store::{Result, Store};
use support::Shared;

/// How many lists of random operations are compared with the model.
const CASES: u32 = 50;

async fn memory() -> Subject {
    let shared = Arc::new(Shared::default());
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let (brief, number, sharing) = (folder.path().to_owned(), AtomicU32::new(0), shared.clone());
    let usual = folder.path().join("usual");
    let remote = shared.share(&usual, MemoryStore::new()).await;
    Subject::shared(remote)
        .with_brief_history(100, move || {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let (shared, place) = (sharing.clone(), brief.join(number.to_string()));
            let history = History {
                events: 8,
                ..History::default()
            };
            async move {
                Ok(shared
                    .share(&place, MemoryStore::with_history(history))
                    .await)
            }
        })
        .keeping((shared, folder))
}

async fn disk() -> Subject {
    let shared = Arc::new(Shared::default());
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let (place, sharing) = (folder.path().join("store"), shared.clone());
    let remote = open(shared.clone(), place.clone()).await;
    Subject::shared(remote.expect("a new folder opens"))
        .reopening(move || open(sharing.clone(), place.clone()))
        .keeping((shared, folder))
}

/// Opens a store where another process would have it, in place of the one that was open.
async fn open(shared: Arc<Shared>, place: PathBuf) -> Result<Arc<dyn Store>> {
    shared.close().await?;
    let store = DiskStore::open(&place)?;
    Ok(shared.share(&place, store).await)
}

mod in_memory {
    use super::memory;
    keywell_conformance::suite!(memory);
}

mod on_disk {
    use super::disk;
    keywell_conformance::suite!(disk);
}

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, memory);
    driven.unwrap_or_else(|found| panic!("{found}"));
}
