use std::sync::Arc;

use bytes::Bytes;
use keywell_disk::{DiskStore, Options};
use keywell_store::{Bucket, BucketName, Event, Result, Set, Store, Watch};
use tempfile::TempDir;

/// A store in a temporary folder.
pub(crate) struct Scratch {
    pub(crate) folder: TempDir,
    pub(crate) store: DiskStore,
}

// === impl Scratch ===

impl Scratch {
    pub(crate) fn new() -> Self {
        Self::with(&DiskStore::builder())
    }

    pub(crate) fn with(options: &Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = options.clone().open(folder.path()).unwrap();
        Self { folder, store }
    }

    pub(crate) async fn bucket(&self, name: &str) -> Arc<dyn Bucket> {
        bucket(&self.store, name).await
    }

    pub(crate) async fn reopen(self) -> Self {
        self.store.close().await.unwrap();
        let store = DiskStore::open(self.folder.path()).unwrap();
        Self { store, ..self }
    }
}

pub(crate) async fn bucket(store: &DiskStore, name: &str) -> Arc<dyn Bucket> {
    store.open(&BucketName::parse(name).unwrap()).await.unwrap()
}

pub(crate) async fn set(bucket: &Arc<dyn Bucket>, key: &str, value: &str) -> Result<()> {
    let value = Bytes::copy_from_slice(value.as_bytes());
    bucket.set(key, value, Set::default()).await.map(drop)
}

pub(crate) async fn text(bucket: &Arc<dyn Bucket>, key: &str) -> Option<String> {
    let entry = bucket.get(key).await.unwrap()?;
    Some(String::from_utf8(entry.value.to_vec()).unwrap())
}

/// The next events of a watch, as short text: `key=value`, `-key` if deleted, `~key` if expired.
pub(crate) async fn next_events(watch: &mut Watch, events: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..events {
        texts.push(match next(watch).await.unwrap() {
            Event::Set { key, value, .. } => {
                format!("{key}={}", String::from_utf8_lossy(&value))
            }
            Event::Delete { key, expired, .. } => {
                format!("{}{key}", if expired { '~' } else { '-' })
            }
            other => panic!("{other:?}"),
        });
    }
    texts
}

/// The next event. A missing one fails the test after a timeout.
pub(crate) async fn next(watch: &mut Watch) -> Result<Event> {
    use futures::StreamExt;
    tokio::time::timeout(std::time::Duration::from_secs(20), watch.next())
        .await
        .expect("an event within 20 seconds")
        .expect("a watch ends with an error")
}
