use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_nats::{Caching, JetStreamOptions, JetStreamStore};
use keywell_servers::Nats;
use keywell_store::{Answer, Bucket, BucketName, Store as _};
use tokio::time::timeout;

/// The modes that have a copy.
pub(crate) const MODES: [Caching; 2] = [Caching::Keys, Caching::All];

pub(crate) fn name() -> BucketName {
    BucketName::parse("b").unwrap()
}

pub(crate) async fn server() -> Nats {
    Nats::builder().jetstream().start().await.unwrap()
}

pub(crate) fn options(server: &Nats, cache: Caching) -> JetStreamOptions {
    let mut options = JetStreamOptions::new([server.addr().to_string()]);
    options.cache = cache;
    options
}

/// A store with its bucket, whose copy is complete.
pub(crate) async fn open(options: JetStreamOptions) -> (JetStreamStore, Arc<dyn Bucket>) {
    let store = JetStreamStore::open(options).await.unwrap();
    let bucket = store.open(&name()).await.unwrap();
    completed(&store).await;
    (store, bucket)
}

pub(crate) async fn completed(store: &JetStreamStore) {
    let copied = timeout(Duration::from_secs(30), store.copied(&name())).await;
    copied.expect("the copy is completed").unwrap();
}

pub(crate) async fn set(bucket: &Arc<dyn Bucket>, key: &str, value: &'static str) {
    let value = Bytes::from_static(value.as_bytes());
    bucket
        .set(key, value, keywell_store::Set::default())
        .await
        .unwrap();
}

pub(crate) async fn value(bucket: &Arc<dyn Bucket>, key: &str) -> Option<String> {
    let entry = bucket.get(key).await.unwrap();
    entry.map(|entry| String::from_utf8_lossy(&entry.value).into_owned())
}

/// Whether an answer was ready at once.
pub(crate) fn is_now<T>(answer: &Answer<T>) -> bool {
    matches!(answer, Answer::Now(_))
}

/// Reads until a key has this value, which it has to have soon.
pub(crate) async fn until(bucket: &Arc<dyn Bucket>, key: &str, expected: Option<&str>) {
    let reading = async {
        loop {
            let entry = bucket.get(key).await;
            let read = entry.map(|entry| entry.map(|entry| entry.value));
            if read.is_ok_and(|read| read.as_deref() == expected.map(str::as_bytes)) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let read = timeout(Duration::from_secs(40), reading).await;
    read.unwrap_or_else(|_| panic!("{key} is not read as {expected:?}"));
}
