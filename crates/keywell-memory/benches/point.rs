//! The cost of reads and writes of one key, compared with a floor and a peer in the same run.
//!
//! `cargo bench -p keywell-memory`. The floor is a plain hash map that is not shared; the peer is a
//! lock-free one. Each figure is the best of many short runs, as the others measure the machine's
//! other work.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Instant;

use bytes::Bytes;
use foldhash::fast::RandomState;
use keywell_memory::MemoryStore;
use keywell_store::{
    Answer, Bucket, BucketName, Entry, Expires, List, MAX_PAGE_KEYS, Set, Store, Version,
};

const KEYS: usize = 1000;
const ROUNDS: usize = 200_000;
const RUNS: usize = 40;
const VALUE: [u8; 23] = *b"a value of 23 bytes....";

type Peer = papaya::HashMap<Arc<str>, (Bytes, u64), RandomState>;

fn main() {
    let keys: Vec<String> = (0..KEYS).map(|number| format!("key-{number:08}")).collect();
    let keys = &keys;

    let floor: HashMap<Arc<str>, (Bytes, u64), RandomState> = keys
        .iter()
        .map(|key| (Arc::from(key.as_str()), (value(), 1)))
        .collect();
    let peer: Peer = papaya::HashMap::default();
    let store = MemoryStore::new();
    let Answer::Now(Ok(bucket)) = store.open(&BucketName::default()) else {
        unreachable!("this store answers at once");
    };
    for key in keys {
        peer.pin().insert(key.as_str().into(), (value(), 1));
        set(&*bucket, key);
    }

    let from_floor = |key: &str| floor.get(key).map(entry);
    let from_peer = |key: &str| peer.pin().get(key).map(entry);
    let from_bucket = |key: &str| get(&*bucket, key);
    let into_peer = |key: &str| {
        let map = peer.pin();
        let shared = map.get_key_value(key).map(|(key, _)| key.clone());
        let shared = shared.unwrap_or_else(|| key.into());
        map.insert(shared, (value(), 2));
        None
    };
    let into_bucket = |key: &str| {
        set(&*bucket, key);
        None
    };

    println!("nanoseconds a call, {KEYS} keys, values of 23 bytes");
    for (what, hot) in [("spread", false), ("one key", true)] {
        let unit = best(1, keys, hot, &from_floor);
        println!("{what}: plain map, 1 thread      {unit:6.1}");
        for threads in [1, 2] {
            report("get", threads, unit, best(threads, keys, hot, &from_bucket));
            report(
                "  peer",
                threads,
                unit,
                best(threads, keys, hot, &from_peer),
            );
        }
        for threads in [1, 2] {
            report("set", threads, unit, best(threads, keys, hot, &into_bucket));
            report(
                "  peer",
                threads,
                unit,
                best(threads, keys, hot, &into_peer),
            );
        }
    }
    listing(&*bucket);
}

/// The cost of the ordered index, when a key is created and when a page is read.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn listing(bucket: &dyn Bucket) {
    const MANY: usize = 200_000;
    let keys: Vec<String> = (0..MANY)
        .map(|number| format!("new-{:08x}", number.wrapping_mul(0x9e37_79b9) & 0xffff_ffff))
        .collect();
    let start = Instant::now();
    for key in &keys {
        set(bucket, key);
    }
    let nanos = start.elapsed().as_nanos() as f64 / MANY as f64;
    println!("set of a new key, of {MANY}   {nanos:6.0}");

    let mut best = f64::INFINITY;
    let mut cursor = None;
    loop {
        let request = List {
            cursor,
            ..List::default()
        };
        let start = Instant::now();
        let Answer::Now(Ok(page)) = bucket.list(request) else {
            unreachable!("this store answers at once");
        };
        if page.keys.len() == MAX_PAGE_KEYS {
            best = best.min(start.elapsed().as_nanos() as f64 / MAX_PAGE_KEYS as f64);
        }
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    println!("a key on a full page          {best:6.0}");
}

fn report(what: &str, threads: usize, unit: f64, nanos: f64) {
    println!(
        "  {what:8} {threads} threads           {nanos:6.1}   {:5.2} times",
        nanos / unit
    );
}

/// The best of many runs, in nanoseconds per call and thread.
fn best(
    threads: usize,
    keys: &[String],
    hot: bool,
    call: &(impl Fn(&str) -> Option<Entry> + Sync),
) -> f64 {
    (0..RUNS)
        .map(|_| run(threads, keys, hot, call))
        .fold(f64::INFINITY, f64::min)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn run(
    threads: usize,
    keys: &[String],
    hot: bool,
    call: &(impl Fn(&str) -> Option<Entry> + Sync),
) -> f64 {
    let barrier = Barrier::new(threads);
    let one = |thread: usize| {
        barrier.wait();
        let start = Instant::now();
        for round in 0..ROUNDS {
            let place = if hot { 0 } else { round * 7919 + thread * 501 };
            drop(black_box(call(&keys[place % KEYS])));
        }
        start.elapsed().as_nanos() as f64 / ROUNDS as f64
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || one(thread)))
            .collect();
        let nanos: f64 = workers
            .into_iter()
            .map(|worker| worker.join().expect("no worker panics"))
            .sum();
        nanos / threads as f64
    })
}

fn get(bucket: &dyn Bucket, key: &str) -> Option<Entry> {
    match bucket.get(key) {
        Answer::Now(Ok(entry)) => entry,
        _ => unreachable!("this store answers at once"),
    }
}

fn set(bucket: &dyn Bucket, key: &str) {
    let written = bucket.set(key, value(), Set::default());
    assert!(matches!(written, Answer::Now(Ok(_))));
}

fn value() -> Bytes {
    Bytes::copy_from_slice(&VALUE)
}

fn entry((value, version): &(Bytes, u64)) -> Entry {
    Entry {
        value: value.clone(),
        version: Version::from(*version),
        expires: Expires::Never,
    }
}
