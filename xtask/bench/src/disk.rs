//! The disk store beside redb, on the file system of the temporary folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_disk::DiskStore;
use keywell_store::{Bucket, BucketName, Set, Store as _};
use redb::{Database, ReadableDatabase as _, TableDefinition};
use tokio::runtime::Runtime;

use crate::Done;
use crate::measure::{Subject, rounds};
use crate::table::{Goal, Row};

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");
const VALUE: &[u8; 23] = b"a value of 23 bytes len";
const WRITERS: usize = 64;
const TIME: Duration = Duration::from_secs(2);
const KEYS: u32 = 10_000;
const READS: u32 = 200_000;

pub(crate) fn rows(count: usize) -> Done<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let store = DiskStore::open(folder.path().join("ours"))?;
    let bucket = runtime.block_on(store.open(&BucketName::default()))?;
    let redb = Arc::new(Database::create(folder.path().join("redb"))?);
    runtime.block_on(bucket.set("first", Bytes::from_static(VALUE), Set::default()))?;
    fill(&redb)?;
    runtime.block_on(async {
        for chunk in (0..KEYS).collect::<Vec<_>>().chunks(1000) {
            let keys: Vec<String> = chunk.iter().map(|n| key(*n)).collect();
            let entries = keys.iter().map(|key| (&**key, Bytes::from_static(VALUE)));
            bucket.set_many(entries.collect()).await?;
        }
        Done::Ok(())
    })?;

    let subjects: [Subject<'_>; 2] = [
        Box::new(|| our_reads(&runtime, &*bucket)),
        Box::new(|| redb_reads(&redb)),
    ];
    let [our_get, redb_get] = rounds(count, subjects)?;
    let subjects: [Subject<'_>; 2] = [
        Box::new(|| our_writes(&runtime, &bucket)),
        Box::new(|| redb_writes(&redb)),
    ];
    let [our_set, redb_set] = rounds(count, subjects)?;
    let what = format!("disk: durable `set` from {WRITERS} tasks");
    let per_second = |figure| format!("{figure:.0} /s");
    let nanos = |figure| format!("{figure:.0} ns");
    let (redb_commits, ten) = ("redb, a commit each", Goal::AtLeast(10.0));
    Ok(vec![
        Row::of(&what, &our_set, redb_commits, &redb_set, per_second, ten),
        Row::of(
            "disk: point `get`",
            &our_get,
            "redb",
            &redb_get,
            nanos,
            Goal::AtMost(1.5),
        ),
    ])
}

fn key(n: u32) -> String {
    format!("key-{n:08}")
}

fn fill(redb: &Database) -> Done {
    let write = redb.begin_write()?;
    {
        let mut table = write.open_table(TABLE)?;
        for n in 0..KEYS {
            table.insert(&*key(n), &VALUE[..])?;
        }
    }
    write.commit()?;
    Ok(())
}

/// Nanoseconds a read.
fn our_reads(runtime: &Runtime, bucket: &dyn Bucket) -> Done<f64> {
    runtime.block_on(async {
        let began = Instant::now();
        for n in 0..READS {
            let entry = bucket.get(&key(n.wrapping_mul(7919) % KEYS)).await?;
            if entry.is_none_or(|entry| entry.value.len() != VALUE.len()) {
                return Err("a key is missing".into());
            }
        }
        Ok(began.elapsed().as_nanos() as f64 / f64::from(READS))
    })
}

fn redb_reads(redb: &Database) -> Done<f64> {
    let began = Instant::now();
    for n in 0..READS {
        let read = redb.begin_read()?;
        let table = read.open_table(TABLE)?;
        let value = table
            .get(&*key(n.wrapping_mul(7919) % KEYS))?
            .map(|v| Bytes::copy_from_slice(v.value()));
        if value.is_none_or(|value| value.len() != VALUE.len()) {
            return Err("a key is missing".into());
        }
    }
    Ok(began.elapsed().as_nanos() as f64 / f64::from(READS))
}

/// Writes a second.
fn our_writes(runtime: &Runtime, bucket: &Arc<dyn Bucket>) -> Done<f64> {
    runtime.block_on(async {
        let began = Instant::now();
        let tasks: Vec<_> = (0..WRITERS)
            .map(|task| {
                let bucket = bucket.clone();
                tokio::spawn(async move {
                    let mut written = 0u32;
                    while began.elapsed() < TIME {
                        let key = format!("task-{task}-{}", written % 100);
                        bucket
                            .set(&key, Bytes::from_static(VALUE), Set::default())
                            .await?;
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

fn redb_writes(redb: &Database) -> Done<f64> {
    let written = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let began = Instant::now();
    let write = |thread: usize| -> Done {
        let mut n = 0;
        while began.elapsed() < TIME {
            let transaction = redb.begin_write()?;
            transaction
                .open_table(TABLE)?
                .insert(&*format!("task-{thread}-{}", n % 100), &VALUE[..])?;
            transaction.commit()?;
            n += 1;
            written.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        for thread in 0..WRITERS {
            let (write, failed) = (&write, &failed);
            scope.spawn(move || failed.fetch_or(write(thread).is_err(), Ordering::Relaxed));
        }
    });
    if failed.into_inner() {
        return Err("a write to redb failed".into());
    }
    Ok(written.into_inner() as f64 / began.elapsed().as_secs_f64())
}
