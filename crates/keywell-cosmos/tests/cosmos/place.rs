use std::sync::Arc;
use std::time::Duration;

use keywell_cosmos::{CosmosOptions, CosmosStore};
use keywell_servers::Cosmos;
use keywell_store::{Bucket, BucketName, Making, Store as _};
use std::sync::OnceLock;

/// The emulator that the tests of this process share. It ends with the process.
pub(crate) fn server() -> &'static Cosmos {
    static SERVER: OnceLock<Cosmos> = OnceLock::new();
    SERVER.get_or_init(|| Cosmos::start().expect("the emulator starts"))
}

/// Options for a container that no other test has.
pub(crate) fn options(server: &Cosmos) -> CosmosOptions {
    let container = format!("{:016x}", rand::random::<u64>());
    let mut options = CosmosOptions::new(server.addr().to_string(), "test", container);
    options.key = Some("a2V5".to_owned().into());
    options.create = true;
    options.tls = false;
    options.poll = Duration::from_millis(20);
    // The machine of the tests may be busy.
    options.answer_timeout = Duration::from_secs(20);
    options
}

pub(crate) async fn store(options: &CosmosOptions) -> CosmosStore {
    let store = CosmosStore::open(options.clone(), Making::Allowed).await;
    store.expect("a store opens")
}

pub(crate) async fn open(store: &CosmosStore, name: &str) -> Arc<dyn Bucket> {
    let name = BucketName::parse(name).expect("it is the name of a bucket");
    store.open(&name).await.expect("a bucket opens")
}
