//! The disk store on storage that sometimes fails. The store itself classifies errors as refused or
//! ambiguous, and the checker verifies that.

use std::io;
use std::sync::Arc;

use keywell_conformance::history::{Plan, Response, seeds};
use keywell_disk::DiskStore;
use keywell_store::{BucketName, Store};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use redb::StorageBackend;

/// A file in memory, shared by its clones.
#[derive(Clone, Debug)]
struct Failing(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    bytes: Vec<u8>,
    chance: StdRng,
    /// How likely an operation is to fail.
    rate: f64,
}

// === impl Failing ===

impl Failing {
    fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            bytes: Vec::new(),
            chance: StdRng::seed_from_u64(seed),
            rate: 0.0,
        })))
    }

    fn fail_at(&self, rate: f64) {
        self.0.lock().rate = rate;
    }

    fn try_to<T>(&self, act: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        let state = &mut *self.0.lock();
        if state.chance.random_bool(state.rate) {
            return Err(io::Error::other("the disk failed"));
        }
        Ok(act(&mut state.bytes))
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        let end = start + out.len();
        self.try_to(|bytes| out.copy_from_slice(&bytes[start..end]))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).unwrap();
        self.try_to(|bytes| bytes.resize(len, 0))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.try_to(|_| ())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        self.try_to(|bytes| bytes[start..start + data.len()].copy_from_slice(data))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn disk_is_linearizable_while_its_storage_fails() {
    let (mut refused, mut ambiguous) = (0, 0);
    for seed in seeds(20) {
        let storage = Failing::seeded(seed);
        let reopened = storage.clone();
        let store = DiskStore::builder()
            .open_storage(move || Ok(Box::new(reopened.clone()) as Box<dyn StorageBackend>))
            .unwrap();
        let bucket = store.open(&BucketName::default()).await.unwrap();
        storage.fail_at(0.005);
        let history = Plan::seeded(seed).run(bucket).await;
        storage.fail_at(0.0);
        store.close().await.unwrap();
        if let Err(violation) = history.check() {
            panic!("KEYWELL_SEED={seed} KEYWELL_HISTORIES=1\n{violation}");
        }
        for operation in &history.operations {
            match &operation.response {
                Some((Response::Refused(_), _)) => refused += 1,
                Some((Response::Ambiguous(_), _)) => ambiguous += 1,
                _ => {}
            }
        }
    }
    println!("{refused} refused, {ambiguous} ambiguous");
}
