//! A store that is durable only once it is closed.

use std::sync::Arc;

use keywell_conformance::{Subject, errors, store};
use keywell_memory::MemoryStore;
use keywell_store::{Answer, Bucket, BucketName, Capabilities, Durability, List, Set, Store};

use crate::bug::{Bug, Inner, Planted};

/// Persists acknowledged writes only when it is closed.
struct WriteBehind {
    behind: MemoryStore,
    ahead: Planted<Durable>,
}

/// Declares that its data survive the process.
struct Durable;

impl Bug for Durable {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            durability: Durability::Process,
            ..inner.capabilities()
        }
    }
}

impl WriteBehind {
    fn open(behind: MemoryStore) -> Self {
        let ahead = Planted::new(Durable);
        copy(&behind, &ahead.sound);
        Self { behind, ahead }
    }
}

/// Copies the content of one store to another.
fn copy(from: &MemoryStore, to: &MemoryStore) {
    let bucket = |store: &MemoryStore, name: &BucketName| match store.open(name) {
        Answer::Now(Ok(bucket)) => bucket,
        _ => panic!("the memory store answers at once"),
    };
    let names = |store: &MemoryStore| match store.buckets() {
        Answer::Now(Ok(names)) => names,
        _ => panic!("the memory store answers at once"),
    };
    let keys = |bucket: &Inner| match bucket.list(List::default()) {
        Answer::Now(Ok(page)) => page.keys,
        _ => panic!("the memory store answers at once"),
    };
    for name in names(to) {
        let to = bucket(to, &name);
        for key in keys(&to) {
            drop(to.delete(&key));
        }
    }
    for name in names(from) {
        let (from, to) = (bucket(from, &name), bucket(to, &name));
        for key in keys(&from) {
            if let Answer::Now(Ok(Some(entry))) = from.get(&key) {
                drop(to.set(&key, entry.value, Set::default()));
            }
        }
    }
}

impl Store for WriteBehind {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.ahead.open(name)
    }

    fn close(&self) -> Answer<()> {
        copy(&self.ahead.sound, &self.behind);
        Answer::now(())
    }
}

#[tokio::test]
async fn a_store_that_writes_only_when_it_is_closed_is_caught() {
    let behind = MemoryStore::new();
    let subject = Subject::new(WriteBehind::open(behind.clone())).reopening(move || {
        let behind = behind.clone();
        async move { Ok(Arc::new(WriteBehind::open(behind)) as Arc<dyn Store>) }
    });
    store::what_was_written_survives_a_restart(&subject)
        .await
        .unwrap();
    let failure = errors::a_dropped_store_loses_nothing_acknowledged(&subject)
        .await
        .unwrap_err();
    assert!(failure.promised.contains("acknowledged"), "{failure}");
}
