use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_disk::{DiskStore, Options};
use keywell_store::{Bucket, BucketName, List, Set, Store as _};
use tokio::runtime::Runtime;

use super::workload::{BATCH, CACHE, PAGE, VALUE, Writes, average, key, some_key, written_key};
use crate::Done;

/// The file of a store, in its folder.
const DATA: &str = "data.redb";

/// Keywell's store.
pub(crate) struct Ours {
    runtime: Runtime,
    folder: PathBuf,
    bucket: Arc<dyn Bucket>,
}

// === impl Ours ===

impl Ours {
    pub(crate) fn open(folder: &Path) -> Done<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let store: DiskStore = Options::default().cache_bytes(CACHE).open(folder)?;
        let bucket = runtime.block_on(store.open(&BucketName::default()))?;
        let folder = folder.to_owned();
        Ok(Self {
            runtime,
            folder,
            bucket,
        })
    }

    /// The time to open what a killed process would leave by now.
    pub(crate) fn millis_to_open_a_copy(&self, into: &Path) -> Done<f64> {
        std::fs::create_dir_all(into)?;
        std::fs::copy(self.file(), into.join(DATA))?;
        let began = Instant::now();
        let opened = Options::default().cache_bytes(CACHE).open(into)?;
        let took = began.elapsed();
        drop(opened);
        Ok(took.as_secs_f64() * 1e3)
    }

    fn file(&self) -> PathBuf {
        self.folder.join(DATA)
    }

    pub(crate) fn fill(&self, keys: Range<u32>) -> Done {
        self.runtime.block_on(async {
            for first in keys.clone().step_by(BATCH as usize) {
                let keys: Vec<String> = (first..keys.end.min(first + BATCH)).map(key).collect();
                let entries = keys.iter().map(|key| (&**key, Bytes::from_static(VALUE)));
                self.bucket.set_many(entries.collect()).await?;
            }
            Ok(())
        })
    }

    pub(crate) fn nanos_a_read(&self, keys: u32, about: Duration) -> Done<f64> {
        let average = self.runtime.block_on(async {
            let began = Instant::now();
            let mut read = 0;
            // In blocks, so that the clock costs nothing beside them.
            while read == 0 || began.elapsed() < about {
                for n in read..read + 16 {
                    let entry = self.bucket.get(&some_key(n, keys)).await?;
                    if entry.is_none_or(|entry| entry.value.len() != VALUE.len()) {
                        return Err("a key is missing".into());
                    }
                }
                read += 16;
            }
            Done::Ok(began.elapsed() / read)
        })?;
        Ok(average.as_nanos() as f64)
    }

    /// Pages in their order, from the first again after the last.
    pub(crate) fn micros_a_page(&self, about: Duration) -> Done<f64> {
        let mut cursor = None;
        let average = average(about, |_| {
            let request = List {
                cursor: cursor.take(),
                limit: PAGE,
                ..List::default()
            };
            let page = self.runtime.block_on(self.bucket.list(request))?;
            cursor = page.cursor;
            Ok(())
        })?;
        Ok(average.as_nanos() as f64 / 1e3)
    }

    pub(crate) fn write(&self, tasks: usize, time: Duration) -> Done<Writes> {
        self.runtime.block_on(async {
            let began = Instant::now();
            let tasks: Vec<_> = (0..tasks)
                .map(|task| {
                    let bucket = self.bucket.clone();
                    tokio::spawn(async move {
                        let mut written = 0u32;
                        while began.elapsed() < time {
                            let key = written_key(task, written);
                            let value = Bytes::from_static(VALUE);
                            bucket.set(&key, value, Set::default()).await?;
                            written += 1;
                        }
                        keywell_store::Result::<u32>::Ok(written)
                    })
                })
                .collect();
            let mut count = 0;
            for task in tasks {
                count += u64::from(task.await??);
            }
            let took = began.elapsed();
            Ok(Writes { count, took })
        })
    }
}
