use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use keywell_redis::{Options, RedisStore};
use keywell_servers::Redis;
use keywell_store::{Bucket, BucketName, Event, Result, Store, Watch};
use tokio::time::timeout;

/// The longest that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn server() -> Redis {
    Redis::start().await.expect("redis-server starts")
}

/// A server that emits keyspace events.
pub(crate) async fn notifying_server() -> Redis {
    let builder = Redis::builder().config("notify-keyspace-events AKE");
    builder.start().await.expect("redis-server starts")
}

pub(crate) async fn connect(url: &str) -> RedisStore {
    let options = Options::from_url(url).expect("the URL is right");
    RedisStore::connect(&options).await.expect("it connects")
}

pub(crate) async fn bucket(store: &RedisStore, name: &str) -> Arc<dyn Bucket> {
    let name = BucketName::parse(name).expect("the name is right");
    store.open(&name).await.expect("it opens")
}

pub(crate) async fn opened(url: &str) -> Result<Arc<dyn Store>> {
    let options = Options::from_url(url).expect("the URL is right");
    Ok(Arc::new(RedisStore::connect(&options).await?))
}

/// The next event, as text: `key=value`, `-key` for deleted, `~key` for expired, `gap`.
pub(crate) async fn hear(watch: &mut Watch) -> String {
    let event = timeout(PATIENCE, watch.next()).await;
    as_text(
        &event
            .expect("an event comes")
            .expect("it goes on")
            .expect("it works"),
    )
}

pub(crate) fn as_text(event: &Event) -> String {
    match event {
        Event::Set { key, value, .. } => format!("{key}={}", String::from_utf8_lossy(value)),
        Event::Delete { key, expired, .. } => {
            format!("{}{key}", if *expired { '~' } else { '-' })
        }
        _ => "gap".to_owned(),
    }
}

/// Tries until it holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let trying = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, trying)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}
