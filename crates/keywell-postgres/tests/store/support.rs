use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_postgres::{OpenError, Options, PostgresStore};
use keywell_store::{Bucket, BucketName, Event, Result, Set, Store, Watch};

pub(crate) async fn connect(url: &str) -> Result<PostgresStore, OpenError> {
    PostgresStore::connect(&Options::from_url(url).unwrap()).await
}

pub(crate) async fn bucket(store: &PostgresStore, name: &str) -> Arc<dyn Bucket> {
    store.open(&BucketName::parse(name).unwrap()).await.unwrap()
}

pub(crate) async fn set(bucket: &Arc<dyn Bucket>, key: &str, value: &str) -> Result<()> {
    let value = Bytes::copy_from_slice(value.as_bytes());
    bucket.set(key, value, Set::default()).await.map(drop)
}

pub(crate) async fn text(bucket: &Arc<dyn Bucket>, key: &str) -> Result<Option<String>> {
    let entry = bucket.get(key).await?;
    Ok(entry.map(|entry| String::from_utf8(entry.value.to_vec()).unwrap()))
}

/// Repeats what fails while a server is away, and no longer than a minute.
pub(crate) async fn eventually<T>(mut attempt: impl AsyncFnMut() -> Result<T>) -> T {
    let attempts = async {
        loop {
            match attempt().await {
                Ok(done) => return done,
                Err(error) => assert!(error.may_pass(), "{error}"),
            }
            tokio::task::yield_now().await;
        }
    };
    let done = tokio::time::timeout(Duration::from_mins(1), attempts).await;
    done.expect("the store works again")
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
    tokio::time::timeout(Duration::from_secs(30), watch.next())
        .await
        .expect("an event within 30 seconds")
        .expect("a watch ends with an error")
}
