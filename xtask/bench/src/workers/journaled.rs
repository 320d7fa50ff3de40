use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_disk::DiskStore;
use keywell_journal::{Claim, Created, Invoked, Journals, RecordedStore, Session, Time};
use keywell_store::{Bucket, BucketName, Set, Store};
use tokio::runtime::Runtime;

use crate::Done;

/// The calls of an invocation that only reads.
const READS: usize = 500;
/// The worker whose journal is replayed.
const READER: &str = "reader";

/// A disk store, with workers and without.
pub(super) struct Journaled {
    runtime: Runtime,
    store: Arc<dyn Store>,
    bucket: Arc<dyn Bucket>,
    /// Each round has workers of its own.
    opened: AtomicU64,
}

/// A worker whose turn it is to be invoked, and its bucket.
struct Worker {
    session: Session,
    bucket: Arc<dyn Bucket>,
}

// === impl Journaled ===

impl Journaled {
    pub(super) fn open(folder: &Path) -> Done<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let store: Arc<dyn Store> = Arc::new(DiskStore::open(folder)?);
        let bucket = runtime.block_on(store.open(&BucketName::default()))?;
        Ok(Self {
            runtime,
            store,
            bucket,
            opened: AtomicU64::new(0),
        })
    }

    fn name(&self) -> String {
        format!("w{}", self.opened.fetch_add(1, Ordering::Relaxed))
    }

    /// Invocations of so many workers at once, each with one increment.
    pub(super) fn invocations_per_second(&self, workers: usize, time: Duration) -> Done<f64> {
        self.runtime.block_on(async {
            let mut opened = Vec::with_capacity(workers);
            for _ in 0..workers {
                opened.push(Worker::open(&self.store, &self.name(), true).await?);
            }
            let began = Instant::now();
            let tasks: Vec<_> = opened
                .into_iter()
                .enumerate()
                .map(|(number, worker)| {
                    tokio::spawn(async move {
                        let mut invoked = 0u32;
                        while began.elapsed() < time {
                            worker.invoke().await?;
                            worker.bucket.increment(&key(number), 1).await?;
                            worker.session.returned(Bytes::new()).await?;
                            invoked += 1;
                        }
                        Done::Ok(invoked)
                    })
                })
                .collect();
            let mut invoked = 0;
            for task in tasks {
                invoked += task.await??;
            }
            Ok(f64::from(invoked) / began.elapsed().as_secs_f64())
        })
    }

    /// The same increments without a journal.
    pub(super) fn increments_per_second(&self, tasks: usize, time: Duration) -> Done<f64> {
        self.runtime.block_on(async {
            let began = Instant::now();
            let tasks: Vec<_> = (0..tasks)
                .map(|number| {
                    let bucket = self.bucket.clone();
                    tokio::spawn(async move {
                        let mut written = 0u32;
                        while began.elapsed() < time {
                            bucket.increment(&key(number), 1).await?;
                            written += 1;
                        }
                        keywell_store::Result::<u32>::Ok(written)
                    })
                })
                .collect();
            let mut written = 0;
            for task in tasks {
                written += task.await??;
            }
            Ok(f64::from(written) / began.elapsed().as_secs_f64())
        })
    }

    /// Increments of one invocation. Each is recorded before the next.
    pub(super) fn effects_per_second(&self, time: Duration) -> Done<f64> {
        self.runtime.block_on(async {
            let worker = Worker::open(&self.store, &self.name(), true).await?;
            worker.invoke().await?;
            let began = Instant::now();
            let mut written = 0u32;
            while began.elapsed() < time {
                worker.bucket.increment(&key(0), 1).await?;
                written += 1;
            }
            Ok(f64::from(written) / began.elapsed().as_secs_f64())
        })
    }

    /// Records so many reads of one worker.
    pub(super) fn record_reads(&self, calls: usize) -> Done {
        self.runtime.block_on(async {
            let value = Bytes::from_static(b"twenty-three bytes long");
            self.bucket.set(READER, value, Set::default()).await?;
            let worker = Worker::open(&self.store, READER, true).await?;
            for _ in 0..calls / READS {
                worker.accept().await?;
                worker.read().await?;
            }
            Ok(())
        })
    }

    /// Opens that worker again, with all that it recorded.
    pub(super) fn replays_per_second(&self, calls: usize) -> Done<f64> {
        self.runtime.block_on(async {
            let began = Instant::now();
            let worker = Worker::open(&self.store, READER, false).await?;
            for _ in 0..calls / READS {
                worker.read().await?;
            }
            Ok(calls as f64 / began.elapsed().as_secs_f64())
        })
    }
}

// === impl Worker ===

impl Worker {
    async fn open(store: &Arc<dyn Store>, name: &str, is_new: bool) -> Done<Self> {
        let claim = Claim {
            holder: "bench".to_owned(),
            now: Time::of_the_system(),
            lease: Duration::ZERO,
        };
        let journals = Journals::open(store.clone()).await?;
        let name = name.parse()?;
        let journal = if is_new {
            journals.create(&name, Created::default(), &claim).await?
        } else {
            journals.claim(&name, &claim).await?
        };
        let clock = Arc::new(Time::of_the_system);
        let session = Session::open(journal, clock, u64::MAX).await?;
        let recorded = RecordedStore::new(&session, "data", store.clone());
        let bucket = recorded.open(&BucketName::default()).await?;
        Ok(Self { session, bucket })
    }

    async fn accept(&self) -> Done {
        let invoked = Invoked {
            key: None,
            function: "f".to_owned(),
            arguments: Bytes::new(),
        };
        self.session.enqueue(invoked).await?;
        Ok(())
    }

    /// Accepts an invocation and begins it.
    async fn invoke(&self) -> Done {
        self.accept().await?;
        self.session.next().await?.ok_or("no invocation follows")?;
        Ok(())
    }

    /// The next invocation reads.
    async fn read(&self) -> Done {
        self.session.next().await?.ok_or("no invocation follows")?;
        for _ in 0..READS {
            self.bucket.get(READER).await?.ok_or("a key is missing")?;
        }
        self.session.returned(Bytes::new()).await?;
        Ok(())
    }
}

fn key(number: usize) -> String {
    format!("count-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_happens() {
        let folder = tempfile::tempdir().unwrap();
        let journaled = Journaled::open(folder.path()).unwrap();
        let about = Duration::from_millis(5);
        assert!(journaled.invocations_per_second(2, about).unwrap() > 0.0);
        assert!(journaled.increments_per_second(2, about).unwrap() > 0.0);
        assert!(journaled.effects_per_second(about).unwrap() > 0.0);
        journaled.record_reads(1000).unwrap();
        assert!(journaled.replays_per_second(1000).unwrap() > 0.0);
        // Past what is recorded, a replay is an error and no figure.
        assert!(journaled.replays_per_second(1500).is_err());
    }
}
