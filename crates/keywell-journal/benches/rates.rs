//! How fast journals are appended to and replayed, in one run on one machine:
//! `cargo bench -p keywell-journal`. `KEYWELL_BENCH_DIR` says on which disk; the temporary folder
//! unless set.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a bench prints rates, and returns no errors"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_disk::DiskStore;
use keywell_journal::{Claim, Created, Invoked, Journals, RecordedStore, Session, Time};
use keywell_store::{Bucket, BucketName, Set, Store};

const WORKERS: usize = 64;
const INVOCATIONS: usize = 40;
const CALLS: usize = 200_000;
const CALLS_OF_ONE: usize = 500;

fn claim() -> Claim {
    Claim {
        holder: "bench".to_owned(),
        now: Time::of_the_system(),
        lease: Duration::ZERO,
    }
}

async fn open(store: &Arc<dyn Store>, name: &str, is_new: bool) -> (Session, Arc<dyn Bucket>) {
    let journals = Journals::open(store.clone()).await.unwrap();
    let name = name.parse().unwrap();
    let journal = if is_new {
        journals.create(&name, Created::default(), &claim()).await
    } else {
        journals.claim(&name, &claim()).await
    };
    let clock = Arc::new(Time::of_the_system);
    let session = Session::open(journal.unwrap(), clock, u64::MAX).await;
    let session = session.unwrap();
    let recorded = RecordedStore::new(&session, "data", store.clone());
    let bucket = recorded.open(&BucketName::default()).await.unwrap();
    (session, bucket)
}

async fn accept(session: &Session) {
    let (function, arguments) = ("f".to_owned(), Bytes::new());
    let invoked = Invoked {
        key: None,
        function,
        arguments,
    };
    session.enqueue(invoked).await.unwrap();
}

/// Invocations of one increment each, by many workers at once; how many a second.
async fn durable(store: &Arc<dyn Store>) -> f64 {
    let mut workers = Vec::new();
    for number in 0..WORKERS {
        workers.push(open(store, &format!("w{number}"), true).await);
    }
    let start = Instant::now();
    let tasks = workers.into_iter().enumerate().map(|(number, worker)| {
        tokio::spawn(async move {
            let (session, bucket) = worker;
            for _ in 0..INVOCATIONS {
                accept(&session).await;
                session.next().await.unwrap().unwrap();
                let count = bucket.increment(&format!("count-{number}"), 1).await;
                count.unwrap();
                session.returned(Bytes::new()).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    (WORKERS * INVOCATIONS) as f64 / start.elapsed().as_secs_f64()
}

/// The same increments without a journal.
async fn plain(store: &Arc<dyn Store>) -> f64 {
    let bucket = store.open(&BucketName::default()).await.unwrap();
    let start = Instant::now();
    let tasks = (0..WORKERS).map(|number| {
        let bucket = bucket.clone();
        tokio::spawn(async move {
            for _ in 0..INVOCATIONS {
                let count = bucket.increment(&format!("count-{number}"), 1).await;
                count.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    (WORKERS * INVOCATIONS) as f64 / start.elapsed().as_secs_f64()
}

/// Effects of one worker a second; each is an append.
async fn alone(store: &Arc<dyn Store>) -> f64 {
    let (session, bucket) = open(store, "alone", true).await;
    accept(&session).await;
    session.next().await.unwrap().unwrap();
    let start = Instant::now();
    for _ in 0..4 * INVOCATIONS {
        bucket.increment("alone", 1).await.unwrap();
    }
    (4 * INVOCATIONS) as f64 / start.elapsed().as_secs_f64()
}

/// Reads, which are recorded the first time; how many a second, with the opening of the worker.
async fn reads(store: &Arc<dyn Store>, is_new: bool) -> f64 {
    let start = Instant::now();
    let (session, bucket) = open(store, "reader", is_new).await;
    for _ in 0..CALLS / CALLS_OF_ONE {
        if is_new {
            accept(&session).await;
        }
        session.next().await.unwrap().unwrap();
        for _ in 0..CALLS_OF_ONE {
            bucket.get("key").await.unwrap().unwrap();
        }
        session.returned(Bytes::new()).await.unwrap();
    }
    CALLS as f64 / start.elapsed().as_secs_f64()
}

async fn measure(folder: &Path) {
    let disk = DiskStore::open(folder.join("store")).unwrap();
    let store: Arc<dyn Store> = Arc::new(disk);
    let bucket = store.open(&BucketName::default()).await.unwrap();
    let value = Bytes::from_static(b"twenty-three bytes long");
    bucket.set("key", value, Set::default()).await.unwrap();
    let (plain, durable) = (plain(&store).await, durable(&store).await);
    println!(
        "invocation with an increment, {WORKERS} workers {durable:8.0}/s, increments alone \
         {plain:8.0}/s: {:.2} times as many",
        durable / plain
    );
    println!("append, one worker   {:8.0}/s", alone(&store).await);
    println!("recorded get         {:8.0}/s", reads(&store, true).await);
    println!("replayed get         {:8.0}/s", reads(&store, false).await);
}

fn main() {
    let folder = match std::env::var_os("KEYWELL_BENCH_DIR") {
        Some(path) => tempfile::tempdir_in(path).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(folder.path()));
}
