//! Compares the store with the database that it uses, in one run on one machine:
//! `cargo bench -p keywell-disk`. `KEYWELL_BENCH_DIR` says on which disk; the temporary folder
//! unless set. `KEYWELL_BENCH_KEYS` says how many keys, 10,000 unless set.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a bench prints ratios, and returns no errors"
)]

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_disk::DiskStore;
use keywell_store::{Bucket, BucketName, List, Set, Store};
use redb::{Database, ReadableDatabase, TableDefinition};
use tokio::runtime::Runtime;

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("table");
const TASKS: usize = 64;
const VALUE: &[u8] = b"twenty-three bytes long";
const RUN: Duration = Duration::from_secs(2);

fn keys() -> usize {
    let keys = std::env::var("KEYWELL_BENCH_KEYS").ok();
    keys.map_or(10_000, |keys| keys.parse().unwrap())
}

/// Appends 100 bytes and syncs them, which is the least that a durable write costs.
fn append(file: &mut File) {
    file.write_all(&[7; 100]).unwrap();
    file.sync_data().unwrap();
}

/// The bytes that this process has sent to the disk, where the system counts them.
fn bytes_written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    line.map_or(0, |bytes| bytes.parse().unwrap())
}

fn key(at: usize) -> String {
    format!("key-{at:08}")
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
    let all: Vec<usize> = (0..keys()).collect();
    for batch in all.chunks(10_000) {
        let writing = database.begin_write().unwrap();
        {
            let mut table = writing.open_table(TABLE).unwrap();
            for at in batch {
                table.insert(key(*at).as_bytes(), VALUE).unwrap();
            }
        }
        writing.commit().unwrap();
    }
    database
}

fn commit_each(database: &Database, at: usize) {
    let writing = database.begin_write().unwrap();
    writing
        .open_table(TABLE)
        .unwrap()
        .insert(key(at % 6400).as_bytes(), VALUE)
        .unwrap();
    writing.commit().unwrap();
}

async fn set_from_tasks(bucket: &Arc<dyn Bucket>, rounds: usize) {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let bucket = bucket.clone();
            tokio::spawn(async move {
                for round in 0..rounds {
                    let key = key((round * TASKS + task) % 6400);
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
        let all: Vec<String> = (0..keys()).map(key).collect();
        for batch in all.chunks(10_000) {
            let entries = batch
                .iter()
                .map(|key| (&key[..], Bytes::from_static(VALUE)));
            bucket.set_many(entries.collect()).await.unwrap();
        }
        bucket
    });

    compare_gets(&runtime, &redb, &bucket);
    compare_pages(&runtime, &redb, &bucket);
    compare_sets(&runtime, &redb, &bucket, folder.path());
    time_start(folder.path());
    drop(store);
}

fn compare_gets(runtime: &Runtime, redb: &Database, bucket: &Arc<dyn Bucket>) {
    let count = keys();

    let keys: Vec<String> = (0..count.min(200_000))
        .map(|at| key(at.wrapping_mul(0x9e37_79b1) % count))
        .collect();
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
}

fn compare_pages(runtime: &Runtime, redb: &Database, bucket: &Arc<dyn Bucket>) {
    let mut last: Option<String> = None;
    let raw = rate(|| {
        let reading = redb.begin_read().unwrap();
        let table = reading.open_table(TABLE).unwrap();
        let from = last
            .as_ref()
            .map_or(Bound::Unbounded, |last| Bound::Excluded(last.as_bytes()));
        let mut page = Vec::new();
        for row in table
            .range::<&[u8]>((from, Bound::Unbounded))
            .unwrap()
            .take(1000)
        {
            page.push(String::from_utf8(row.unwrap().0.value().to_vec()).unwrap());
        }
        last = page.pop().filter(|_| page.len() == 999);
        1
    });
    let mut cursor = None;
    let ours = rate(|| {
        let request = List {
            cursor: cursor.take(),
            limit: 1000,
            ..List::default()
        };
        cursor = runtime.block_on(bucket.list(request)).unwrap().cursor;
        1
    });
    println!(
        "page of 1000 keys    {:8.1} µs, redb {:8.1} µs: {:.2} times its time",
        1e6 / ours,
        1e6 / raw,
        raw / ours
    );
}

fn compare_sets(runtime: &Runtime, redb: &Database, bucket: &Arc<dyn Bucket>, folder: &Path) {
    let mut file = File::create(folder.join("floor")).unwrap();
    let floor = rate(|| {
        append(&mut file);
        1
    });
    let alone = rate(|| {
        let value = Bytes::from_static(VALUE);
        let set = bucket.set("key-00000001", value, Set::default());
        runtime.block_on(set).unwrap();
        1
    });
    println!(
        "durable set, one task {:7.1} µs, append and sync {:7.1} µs: {:.2} times its time",
        1e6 / alone,
        1e6 / floor,
        floor / alone
    );
    let mut at = 0;
    let each = rate(|| {
        at += 1;
        commit_each(redb, at);
        1
    });
    let before = bytes_written();
    let mut sets = 0;
    let grouped = rate(|| {
        runtime.block_on(set_from_tasks(bucket, 4));
        sets += 4 * TASKS;
        4 * TASKS
    });
    let bytes = (bytes_written() - before) as f64 / sets as f64;
    println!(
        "durable set, 64 tasks {grouped:8.0}/s, redb a commit each {each:8.0}/s: {:.1} times as many; \
         {bytes:.0} bytes to the disk a set",
        grouped / each
    );
}

fn time_start(folder: &Path) {
    // What a killed process leaves: a copy of the file of an open store.
    let killed = folder.join("killed");
    std::fs::create_dir(&killed).unwrap();
    let data = folder.join("store").join("data.redb");
    std::fs::copy(data, killed.join("data.redb")).unwrap();
    let start = Instant::now();
    let opened = DiskStore::open(&killed).unwrap();
    println!(
        "start after kill -9  {:8.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    drop(opened);
}
