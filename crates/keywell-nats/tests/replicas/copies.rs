use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_nats::{CacheOptions, CacheStore};
use keywell_servers::Nats;
use keywell_store::{Bucket, BucketName, List, Set, Store};

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_mins(1);

/// One process's copy of a cache, and its bucket `default`.
pub(crate) struct Copy {
    pub(crate) store: CacheStore,
    pub(crate) bucket: Arc<dyn Bucket>,
}

/// A cache on a server.
pub(crate) fn on(nats: &Nats) -> CacheOptions {
    at(nats.addr())
}

pub(crate) fn at(addr: std::net::SocketAddr) -> CacheOptions {
    CacheOptions {
        servers: vec![addr.to_string()],
        ..CacheOptions::default()
    }
}

/// A cache whose copies say every second what they have, although nothing happens.
pub(crate) fn often(options: CacheOptions) -> CacheOptions {
    CacheOptions {
        heartbeat: Duration::from_secs(1),
        ..options
    }
}

// === impl Copy ===

impl Copy {
    pub(crate) async fn open(options: CacheOptions) -> Self {
        let store = CacheStore::open(options).await.unwrap();
        let bucket = store.open(&BucketName::default()).await.unwrap();
        Self { store, bucket }
    }

    pub(crate) async fn set(&self, key: &str, value: impl Into<Bytes>) {
        let set = self.bucket.set(key, value.into(), Set::default());
        set.await.unwrap();
    }

    pub(crate) async fn get(&self, key: &str) -> Option<String> {
        let entry = self.bucket.get(key).await.unwrap();
        entry.map(|entry| String::from_utf8_lossy(&entry.value).into_owned())
    }

    pub(crate) async fn add(&self, key: &str, by: i64) {
        self.bucket.increment(key, by).await.unwrap();
    }

    pub(crate) async fn delete(&self, key: &str) {
        self.bucket.delete(key).await.unwrap();
    }

    /// All keys, with values and versions.
    pub(crate) async fn contents(&self) -> BTreeMap<String, (Bytes, keywell_store::Version)> {
        let mut contents = BTreeMap::new();
        let mut cursor = None;
        loop {
            let list = List {
                cursor,
                values: Some(1 << 20),
                ..List::default()
            };
            let page = self.bucket.list(list).await.unwrap();
            let entries = page.entries.into_iter();
            let entries = entries.map(|entry| (entry.value, entry.version));
            contents.extend(page.keys.into_iter().zip(entries));
            cursor = page.cursor;
            if cursor.is_none() {
                return contents;
            }
        }
    }

    pub(crate) async fn has(&self, key: &str, value: Option<&str>) {
        until(&format!("{key} to be {value:?}"), async || {
            self.get(key).await.as_deref() == value
        })
        .await;
    }
}

/// Waits until all copies hold the same, and answers how long that took.
pub(crate) async fn equal(copies: &[&Copy]) -> Duration {
    let start = Instant::now();
    until("copies to be equal", async || {
        let first = copies[0].contents().await;
        for other in &copies[1..] {
            if other.contents().await != first {
                return false;
            }
        }
        true
    })
    .await;
    start.elapsed()
}

/// Asks again and again, as nothing notifies of a change.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    let mut turns = tokio::time::interval(Duration::from_millis(5));
    while !is_so().await {
        assert!(Instant::now() < end, "waited in vain for {what}");
        turns.tick().await;
    }
}
