//! A replay holds a chunk and a record, however long the journal is. It has a process of its own, as
//! it measures the memory of that.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_disk::DiskStore;
use keywell_journal::{Claim, Created, Invoked, Journals, RecordedStore, Session, Time};
use keywell_store::{BucketName, Set, Store};

const INVOCATIONS: usize = 128;
const VALUE: usize = 1 << 20;
/// What the cache of the store, a chunk and a record of a megabyte take, and the allocator keeps.
const MOST_BYTES: u64 = 24 << 20;

fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let value = status.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes = value.unwrap().trim().strip_suffix(" kB").unwrap();
    kibibytes.parse::<u64>().unwrap() << 10
}

async fn session(store: &Arc<dyn Store>, is_new: bool) -> Session {
    let journals = Journals::open(store.clone()).await.unwrap();
    let name = "reader".parse().unwrap();
    let claim = Claim {
        holder: "test".to_owned(),
        now: Time::of_the_system(),
        lease: Duration::ZERO,
    };
    let journal = if is_new {
        journals.create(&name, Created::default(), &claim).await
    } else {
        journals.claim(&name, &claim).await
    };
    let clock = Arc::new(Time::of_the_system);
    let session = Session::open(journal.unwrap(), clock, u64::MAX).await;
    session.unwrap()
}

/// Each invocation reads the value once.
async fn run(store: &Arc<dyn Store>, is_new: bool) {
    let session = session(store, is_new).await;
    let recorded = RecordedStore::new(&session, "data", store.clone());
    let bucket = recorded.open(&BucketName::default()).await.unwrap();
    for _ in 0..INVOCATIONS {
        if is_new {
            let invoked = Invoked {
                key: None,
                function: "read".to_owned(),
                arguments: Bytes::new(),
            };
            session.accept(invoked).await.unwrap();
        }
        session.next().await.unwrap().unwrap();
        let entry = bucket.get("large").await.unwrap().unwrap();
        assert_eq!(entry.value.len(), VALUE);
        session.returned(Bytes::new()).await.unwrap();
    }
}

#[tokio::test]
async fn a_long_journal_replays_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("store");
    let options = DiskStore::builder().cache_bytes(1 << 20);
    let store: Arc<dyn Store> = Arc::new(options.open(&place).unwrap());
    let bucket = store.open(&BucketName::default()).await.unwrap();
    let large = Bytes::from(vec![7; VALUE]);
    bucket.set("large", large, Set::default()).await.unwrap();
    run(&store, true).await;
    // 5 resets the peak; see proc_pid_clear_refs(5).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS:");
    run(&store, false).await;
    let grown = memory("VmHWM:").saturating_sub(before);
    let length = (INVOCATIONS * VALUE) as u64;
    assert!(grown < MOST_BYTES, "{grown} of {length} bytes");
}
