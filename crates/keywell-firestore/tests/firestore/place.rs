use std::sync::Arc;

use keywell_firestore::{FirestoreOptions, FirestoreStore};
use keywell_servers::Firestore;
use keywell_store::{Bucket, BucketName, Store as _};
use tokio::sync::OnceCell;

/// The fake that the tests of this process share. It ends with the process.
pub(crate) async fn server() -> &'static Firestore {
    static SERVER: OnceCell<Firestore> = OnceCell::const_new();
    let started = SERVER.get_or_try_init(Firestore::start).await;
    started.expect("a fake starts")
}

/// Options for a collection that no other test has.
pub(crate) fn options(server: &Firestore) -> FirestoreOptions {
    let mut options = FirestoreOptions::new(Firestore::PROJECT);
    options.emulator = Some(server.addr().to_string());
    options.collection = format!("test-{:016x}", rand::random::<u64>());
    options
}

pub(crate) async fn store(options: &FirestoreOptions) -> FirestoreStore {
    let store = FirestoreStore::open(options.clone()).await;
    store.expect("a store opens")
}

pub(crate) async fn open(store: &FirestoreStore, name: &str) -> Arc<dyn Bucket> {
    let name = BucketName::parse(name).expect("it is the name of a bucket");
    store.open(&name).await.expect("a bucket opens")
}
