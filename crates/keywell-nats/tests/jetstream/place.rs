use std::sync::Arc;

use keywell_nats::{Caching, JetStreamOptions, JetStreamStore};
use keywell_servers::Nats;
use keywell_store::{Bucket, BucketName, Result, Store as _};

/// A server with `JetStream`.
pub(crate) async fn server() -> Nats {
    let server = Nats::builder().jetstream().start().await;
    server.expect("a server starts")
}

/// Without a near cache, which has tests of its own.
pub(crate) fn options(server: &Nats) -> JetStreamOptions {
    let mut options = JetStreamOptions::new([server.addr().to_string()]);
    options.cache = Caching::Off;
    options
}

pub(crate) async fn store(server: &Nats) -> JetStreamStore {
    let store = JetStreamStore::open(options(server)).await;
    store.expect("a store opens")
}

pub(crate) async fn try_open(store: &JetStreamStore, name: &str) -> Result<Arc<dyn Bucket>> {
    let name = BucketName::parse(name).expect("it is the name of a bucket");
    store.open(&name).await
}

pub(crate) async fn open(store: &JetStreamStore, name: &str) -> Arc<dyn Bucket> {
    let bucket = try_open(store, name).await;
    bucket.expect("a bucket opens")
}

/// A client that asks the server itself.
pub(crate) async fn client(server: &Nats) -> async_nats::Client {
    let client = async_nats::connect(server.addr().to_string()).await;
    client.expect("a client connects")
}

/// Sends a request to the server's `JetStream`, and answers what it answers.
pub(crate) async fn ask(
    client: &async_nats::Client,
    subject: impl Into<String>,
    body: serde_json::Value,
) -> serde_json::Value {
    let body = match body {
        serde_json::Value::Null => String::new(),
        body => body.to_string(),
    };
    let reply = client.request(subject.into(), body.into()).await;
    let reply = reply.expect("the server answers");
    serde_json::from_slice(&reply.payload).expect("it answers JSON")
}
