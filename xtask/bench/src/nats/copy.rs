use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_store::{
    Answer, Bucket, BucketName, Entry, Making, Provider, Set, Store, StoreUrl, Version,
};
use tokio::time::timeout;

use super::bounded::Stage;
use crate::Done;

pub(super) const VALUE: &[u8; 23] = b"a value of 23 bytes len";
/// How often it is looked whether copies have what they wait for.
const POLL: Duration = Duration::from_millis(1);
/// How long a copy that has no more to do has to send.
const CLOSING: Duration = Duration::from_secs(10);

/// A store, and its default bucket.
pub(crate) struct Copy {
    store: Arc<dyn Store>,
    pub(crate) bucket: Arc<dyn Bucket>,
}

// === impl Copy ===

impl Copy {
    pub(crate) async fn open(provider: &dyn Provider, url: &str) -> Done<Self> {
        let url: StoreUrl = url.parse()?;
        let store = provider.open(&url, Making::Allowed).await?;
        let bucket = store.open(&BucketName::default()).await?;
        Ok(Self { store, bucket })
    }

    pub(crate) async fn set(&self, key: &str) -> Done<Version> {
        let value = Bytes::from_static(VALUE);
        Ok(self.bucket.set(key, value, Set::default()).await?)
    }

    pub(crate) async fn has(&self, key: &str) -> Done<bool> {
        Ok(self.bucket.exists(key).await?)
    }

    /// Reads a key that is there, without waiting.
    pub(crate) fn get_now(&self, key: &str) -> Done<Entry> {
        match self.bucket.get(key) {
            Answer::Now(Ok(Some(entry))) => Ok(entry),
            Answer::Now(Ok(None)) => Err("a key is missing".into()),
            Answer::Now(Err(error)) => Err(error.into()),
            Answer::Later(_) => Err("a read is not answered from memory".into()),
        }
    }

    pub(crate) async fn close(self) -> Done {
        timeout(CLOSING, self.store.close()).await??;
        Ok(())
    }
}

/// Lets time pass, as nothing notifies of what copies have.
pub(super) async fn pass(time: Duration) {
    _ = timeout(time, std::future::pending::<()>()).await;
}

/// So many keys.
pub(super) fn keys(count: u32) -> Vec<String> {
    (0..count).map(|n| format!("key-{n:08}")).collect()
}

/// Waits until all copies have all keys, or none of them.
pub(super) async fn until_all(
    stage: &Stage,
    copies: &[&Copy],
    keys: &[String],
    are_there: bool,
) -> Done {
    // Each copy is looked through once, as keys arrive.
    let mut reached = vec![0; copies.len()];
    loop {
        for (copy, reached) in copies.iter().zip(&mut reached) {
            while *reached < keys.len() && copy.has(&keys[*reached]).await? == are_there {
                *reached += 1;
            }
        }
        if reached.iter().all(|reached| *reached == keys.len()) {
            return Ok(());
        }
        let what = if are_there { "have" } else { "have lost" };
        stage.enter(format!(
            "waiting until copies {what} {} keys; the first so far: {reached:?}",
            keys.len()
        ));
        pass(POLL).await;
    }
}
