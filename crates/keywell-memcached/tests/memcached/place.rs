use std::sync::Arc;

use keywell_memcached::{MemcachedOptions, MemcachedStore};
use keywell_servers::Memcached;
use keywell_store::{Bucket, BucketName, Store as _};
use tokio::sync::OnceCell;

/// The server that the tests of this process share. It ends with the process.
pub(crate) async fn server() -> &'static Memcached {
    static SERVER: OnceCell<Memcached> = OnceCell::const_new();
    let started = SERVER.get_or_try_init(Memcached::start).await;
    started.expect("a server starts")
}

/// Options for keys that no other test has.
pub(crate) fn options<'a>(servers: impl IntoIterator<Item = &'a Memcached>) -> MemcachedOptions {
    let servers = servers.into_iter().map(|server| server.addr().to_string());
    let mut options = MemcachedOptions::new(servers);
    options.prefix = format!("{:016x}/", rand::random::<u64>());
    options
}

pub(crate) async fn store(options: &MemcachedOptions) -> MemcachedStore {
    let store = MemcachedStore::open(options.clone()).await;
    store.expect("a store opens")
}

pub(crate) async fn open(store: &MemcachedStore, name: &str) -> Arc<dyn Bucket> {
    let name = BucketName::parse(name).expect("it is the name of a bucket");
    store.open(&name).await.expect("a bucket opens")
}
