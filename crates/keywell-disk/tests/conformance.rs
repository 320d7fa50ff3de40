//! The disk store passes the conformance suite, also across restarts.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keywell_conformance::Subject;
use keywell_disk::DiskStore;
use keywell_store::{Result, Store};

/// How many lists of random operations are compared with the model.
const CASES: u32 = 100;

async fn disk() -> Subject {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let (place, brief) = (folder.path().join("store"), folder.path().join("brief"));
    let number = AtomicU32::new(0);
    Subject::new(open(&place, None).expect("a new folder opens"))
        .reopening(move || {
            let place = place.clone();
            async move { Ok(Arc::new(open(&place, None)?) as Arc<dyn Store>) }
        })
        .with_brief_history(100, move || {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let place = brief.with_extension(number.to_string());
            async move { Ok(Arc::new(open(&place, Some(8))?) as Arc<dyn Store>) }
        })
        .keeping(folder)
}

fn open(place: &Path, history: Option<u64>) -> Result<DiskStore> {
    let mut options = DiskStore::builder();
    if let Some(events) = history {
        options = options.history_events(events);
    }
    Ok(options.open(place)?)
}

keywell_conformance::suite!(disk);

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, disk);
    driven.unwrap_or_else(|found| panic!("{found}"));
}
