use std::sync::Arc;

use keywell_store::layer::{Limited, Limits};
use keywell_store::{Bucket, BucketName, Error, Store};

use super::Stop;

/// The bucket that a command works on.
pub(super) struct Target {
    pub(super) bucket: Arc<dyn Bucket>,
    pub(super) name: BucketName,
}

/// Reads a key as it is given on the command line.
pub(super) fn key(text: &str) -> Result<String, Error> {
    Limits::default().check_key(text)?;
    Ok(text.to_owned())
}

// === impl Target ===

impl Target {
    /// Opens a bucket, behind the limits that the program has.
    pub(super) async fn open(store: &dyn Store, name: BucketName) -> Result<Self, Error> {
        let bucket = store.open(&name).await?;
        let bucket = Arc::new(Limited::new(bucket, Limits::default()));
        Ok(Self { bucket, name })
    }

    /// Says what could not be done with a key of this bucket.
    pub(super) fn cannot(&self, what: &str, key: &str) -> impl FnOnce(Error) -> Stop {
        let what = format!("cannot {what} the key {key:?} in bucket {}", self.name);
        move |error| Stop::failure(format!("{what}: {error}"))
    }
}

#[cfg(test)]
impl Target {
    /// An empty bucket in memory, behind the limits that the program has.
    pub(super) async fn in_memory() -> Self {
        Self::in_memory_within(Limits::default()).await
    }

    pub(super) async fn in_memory_within(limits: Limits) -> Self {
        let name = BucketName::default();
        let store = keywell::memory::MemoryStore::new();
        let bucket = store.open(&name).await.unwrap();
        let bucket = Arc::new(Limited::new(bucket, limits));
        Self { bucket, name }
    }

    pub(super) async fn set(&self, key: &str, value: &'static [u8]) {
        let value = bytes::Bytes::from_static(value);
        let how = keywell_store::Set::default();
        self.bucket.set(key, value, how).await.unwrap();
    }
}
