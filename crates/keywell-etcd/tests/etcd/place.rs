use std::sync::Arc;

use keywell_etcd::{EtcdOptions, EtcdStore};
use keywell_servers::Etcd;
use keywell_store::{Bucket, BucketName, Store as _};
use tokio::sync::OnceCell;

/// The server that the tests of this process share. It ends with the process.
pub(crate) async fn server() -> &'static Etcd {
    static SERVER: OnceCell<Etcd> = OnceCell::const_new();
    let started = SERVER.get_or_try_init(Etcd::start).await;
    started.expect("a server starts")
}

/// Options for a part of the server that no other test has.
pub(crate) fn options(server: &Etcd) -> EtcdOptions {
    let mut options = EtcdOptions::new([server.addr().to_string()]);
    options.prefix = format!("test/{:016x}", rand::random::<u64>());
    options
}

pub(crate) async fn store(options: &EtcdOptions) -> EtcdStore {
    let store = EtcdStore::open(options.clone()).await;
    store.expect("a store opens")
}

pub(crate) async fn open(store: &EtcdStore, name: &str) -> Arc<dyn Bucket> {
    let name = BucketName::parse(name).expect("it is the name of a bucket");
    store.open(&name).await.expect("a bucket opens")
}
