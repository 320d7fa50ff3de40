//! Compares the store with the database that it uses, in one run on one machine:
//! `cargo bench -p keywell-disk`. `KEYWELL_BENCH_DIR` says on which disk; the temporary folder
//! unless set.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a bench prints ratios, and returns no errors"
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_disk::DiskStore;
use keywell_store::{Bucket, BucketName, Set, Store};
use redb::{Database, ReadableDatabase, TableDefinition};

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("table");
const KEYS: usize = 10_000;
const TASKS: usize = 64;
const VALUE: &[u8] = b"twenty-three bytes long";
const RUN: Duration = Duration::from_secs(2);

fn key(at: usize) -> String {
    format!("key-{at:06}")
}

/// The rate per second, the best of three runs.
fn rate(mut run: impl FnMut() -> usize) -> f64 {
    let mut best: f64 = 0.0;
    for _ in 0..3 {
        let start = Instant::now();
        let mut done = 0;
        while start.elapsed() < RUN {
            done += run();
        }
        best = best.max(done as f64 / start.elapsed().as_secs_f64());
    }
    best
}

fn filled_redb(path: &Path) -> Database {
    let database = Database::builder()
        .set_cache_size(64 * 1024 * 1024)
        .create(path)
        .unwrap();
    let writing = database.begin_write().unwrap();
    {
        let mut table = writing.open_table(TABLE).unwrap();
        for at in 0..KEYS {
            table.insert(key(at).as_bytes(), VALUE).unwrap();
        }
    }
    writing.commit().unwrap();
    database
}

fn commit_each(database: &Database, at: usize, quick: bool) {
    let mut writing = database.begin_write().unwrap();
    writing.set_quick_repair(quick);
    writing
        .open_table(TABLE)
        .unwrap()
        .insert(key(at % KEYS).as_bytes(), VALUE)
        .unwrap();
    writing.commit().unwrap();
}

async fn set_from_tasks(bucket: &Arc<dyn Bucket>, rounds: usize) {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let bucket = bucket.clone();
            tokio::spawn(async move {
                for round in 0..rounds {
                    let key = key((round * TASKS + task) % KEYS);
                    let value = Bytes::from_static(VALUE);
                    bucket.set(&key, value, Set::default()).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn main() {
    let folder = match std::env::var_os("KEYWELL_BENCH_DIR") {
        Some(path) => tempfile::tempdir_in(path).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let redb = filled_redb(&folder.path().join("redb"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let store = DiskStore::open(folder.path().join("store")).unwrap();
    let bucket = runtime.block_on(async {
        let bucket = store.open(&BucketName::default()).await.unwrap();
        let keys: Vec<String> = (0..KEYS).map(key).collect();
        let entries = keys.iter().map(|key| (&key[..], Bytes::from_static(VALUE)));
        bucket.set_many(entries.collect()).await.unwrap();
        bucket
    });

    let keys: Vec<String> = (0..KEYS).map(|at| key(at * 7919 % KEYS)).collect();
    let raw = rate(|| {
        for key in &keys {
            let reading = redb.begin_read().unwrap();
            let table = reading.open_table(TABLE).unwrap();
            let value = table.get(key.as_bytes()).unwrap().unwrap();
            black_box(Bytes::copy_from_slice(value.value()));
        }
        keys.len()
    });
    let ours = rate(|| {
        runtime.block_on(async {
            for key in &keys {
                black_box(bucket.get(key).await.unwrap().unwrap());
            }
        });
        keys.len()
    });
    println!(
        "point get            {:8.0} ns, redb {:8.0} ns: {:.2} times its time",
        1e9 / ours,
        1e9 / raw,
        raw / ours
    );

    let mut at = 0;
    let each = rate(|| {
        at += 1;
        commit_each(&redb, at, false);
        1
    });
    let quick = rate(|| {
        at += 1;
        commit_each(&redb, at, true);
        1
    });
    let grouped = rate(|| {
        runtime.block_on(set_from_tasks(&bucket, 4));
        4 * TASKS
    });
    println!(
        "durable set, 64 tasks {grouped:8.0}/s, redb a commit each {each:8.0}/s: {:.1} times as many",
        grouped / each
    );
    let alone = rate(|| {
        let value = Bytes::from_static(VALUE);
        let set = bucket.set("key-000001", value, Set::default());
        runtime.block_on(set).unwrap();
        1
    });
    println!(
        "durable set, one task {alone:8.0}/s, redb with quick repair, as it is here, {quick:8.0}/s: \
         {:.2} times as many",
        alone / quick
    );
}
