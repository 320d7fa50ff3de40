use std::ops::{Bound, Range};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use redb::{Database, ReadableDatabase as _, TableDefinition};

use super::workload::{BATCH, CACHE, PAGE, VALUE, Writes, average, key, some_key, written_key};
use crate::Done;

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");

/// redb, with one table and nothing else.
pub(crate) struct Raw(Database);

// === impl Raw ===

impl Raw {
    pub(crate) fn open(path: &Path) -> Done<Self> {
        let database = Database::builder().set_cache_size(CACHE).create(path)?;
        Ok(Self(database))
    }

    pub(crate) fn fill(&self, keys: Range<u32>) -> Done {
        for first in keys.clone().step_by(BATCH as usize) {
            let write = self.0.begin_write()?;
            {
                let mut table = write.open_table(TABLE)?;
                for n in first..keys.end.min(first + BATCH) {
                    table.insert(&*key(n), &VALUE[..])?;
                }
            }
            write.commit()?;
        }
        Ok(())
    }

    pub(crate) fn nanos_a_read(&self, keys: u32, about: Duration) -> Done<f64> {
        let average = average(about, |n| {
            let read = self.0.begin_read()?;
            let table = read.open_table(TABLE)?;
            let value = table
                .get(&*some_key(n, keys))?
                .map(|value| Bytes::copy_from_slice(value.value()));
            if value.is_none_or(|value| value.len() != VALUE.len()) {
                return Err("a key is missing".into());
            }
            Ok(())
        })?;
        Ok(average.as_nanos() as f64)
    }

    /// Pages in their order, from the first again after the last.
    pub(crate) fn micros_a_page(&self, about: Duration) -> Done<f64> {
        let mut last: Option<String> = None;
        let average = average(about, |_| {
            let read = self.0.begin_read()?;
            let table = read.open_table(TABLE)?;
            let from = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut keys = Vec::new();
            for entry in table.range::<&str>((from, Bound::Unbounded))?.take(PAGE) {
                keys.push(entry?.0.value().to_owned());
            }
            // A short page is the last.
            last = keys.pop().filter(|_| keys.len() + 1 == PAGE);
            Ok(())
        })?;
        Ok(average.as_nanos() as f64 / 1e3)
    }

    /// From so many threads; each commits what it writes.
    pub(crate) fn write(&self, threads: usize, time: Duration) -> Done<Writes> {
        let written = AtomicU64::new(0);
        let failed = AtomicBool::new(false);
        let began = Instant::now();
        let write = |thread: usize| -> Done {
            let mut n = 0;
            while began.elapsed() < time {
                let transaction = self.0.begin_write()?;
                transaction
                    .open_table(TABLE)?
                    .insert(&*written_key(thread, n), &VALUE[..])?;
                transaction.commit()?;
                n += 1;
                written.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (write, failed) = (&write, &failed);
                scope.spawn(move || failed.fetch_or(write(thread).is_err(), Ordering::Relaxed));
            }
        });
        if failed.into_inner() {
            return Err("a write to redb failed".into());
        }
        Ok(Writes {
            count: written.into_inner(),
            took: began.elapsed(),
        })
    }
}
