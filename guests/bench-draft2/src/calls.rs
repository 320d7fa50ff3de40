use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use core::cell::OnceCell;

use bare as _;

use crate::wasi::keyvalue::store::{self, Bucket};
use crate::wasi::keyvalue::{atomics, batch};
use crate::{Bench, Guest, generation};

const KEY: &str = "greeting";
const GONE: &str = "gone";
const COUNTER: &str = "counter";
const BATCH: usize = 10;

/// What `prepare` made.
pub(crate) struct Held {
    bucket: Bucket,
    value: Vec<u8>,
    /// The keys of a batch that stay.
    keys: Vec<String>,
    /// The same with values.
    entries: Vec<(String, Vec<u8>)>,
    /// A batch that is written to be deleted.
    gone: Vec<(String, Vec<u8>)>,
    gone_keys: Vec<String>,
}

struct Once(OnceCell<Held>);

static HELD: Once = Once(OnceCell::new());

// SAFETY: a guest has one thread.
unsafe impl Sync for Once {}

// === impl Bench ===

impl Guest for Bench {
    fn prepare(size: u32) {
        let held = HELD.0.get_or_init(|| Held::new(size as usize));
        held.bucket
            .set(KEY, &held.value)
            .expect("the store is well");
        held.bucket.set(COUNTER, b"0").expect("the store is well");
        batch::set_many(&held.bucket, &held.entries).expect("the store is well");
    }

    fn get(n: u32) -> u64 {
        let bucket = &held().bucket;
        sum(n, || {
            let value = bucket.get(KEY).expect("the store is well");
            value.map_or(0, |value| value.len())
        })
    }

    fn set(n: u32) -> u64 {
        let Held { bucket, value, .. } = held();
        sum(n, || {
            bucket.set(KEY, value).expect("the store is well");
            value.len()
        })
    }

    fn delete(n: u32) -> u64 {
        let Held { bucket, value, .. } = held();
        sum(n, || {
            bucket.set(GONE, value).expect("the store is well");
            bucket.delete(GONE).expect("the store is well");
            1
        })
    }

    fn exists(n: u32) -> u64 {
        let bucket = &held().bucket;
        sum(n, || bucket.exists(KEY).expect("the store is well").into())
    }

    fn list_keys(n: u32) -> u64 {
        let bucket = &held().bucket;
        sum(n, || {
            let page = bucket.list_keys(None).expect("the store is well");
            page.keys.len()
        })
    }

    fn increment(n: u32) -> u64 {
        let bucket = &held().bucket;
        let last = (0..n).fold(0, |_, _| {
            atomics::increment(bucket, COUNTER, 1).expect("the store is well")
        });
        // Signed in one generation, unsigned in the other.
        u64::try_from(i128::from(last)).expect("the counter only grows")
    }

    fn swap(n: u32) -> u64 {
        let Held { bucket, value, .. } = held();
        sum(n, || generation::swap(bucket, KEY, value))
    }

    fn get_many(n: u32) -> u64 {
        let Held { bucket, keys, .. } = held();
        sum(n, || {
            let entries = batch::get_many(bucket, keys).expect("the store is well");
            entries.into_iter().map(generation::length).sum()
        })
    }

    fn set_many(n: u32) -> u64 {
        let Held {
            bucket, entries, ..
        } = held();
        sum(n, || {
            batch::set_many(bucket, entries).expect("the store is well");
            entries.len()
        })
    }

    fn delete_many(n: u32) -> u64 {
        let Held {
            bucket,
            gone,
            gone_keys,
            ..
        } = held();
        sum(n, || {
            batch::set_many(bucket, gone).expect("the store is well");
            batch::delete_many(bucket, gone_keys).expect("the store is well");
            gone_keys.len()
        })
    }
}

// === impl Held ===

impl Held {
    fn new(size: usize) -> Self {
        let value = vec![b'v'; size];
        let keys =
            |name: &str| -> Vec<String> { (0..BATCH).map(|n| format!("{name}-{n}")).collect() };
        let entries = |keys: &[String]| -> Vec<(String, Vec<u8>)> {
            let entry = |key: &String| (key.clone(), value.clone());
            keys.iter().map(entry).collect()
        };
        let (keys, gone_keys) = (keys("batch"), keys(GONE));
        Self {
            bucket: store::open("").expect("the default bucket is granted"),
            entries: entries(&keys),
            gone: entries(&gone_keys),
            value,
            keys,
            gone_keys,
        }
    }
}

fn held() -> &'static Held {
    HELD.0.get().expect("prepare was called")
}

fn sum(n: u32, call: impl Fn() -> usize) -> u64 {
    (0..n).map(|_| call() as u64).sum()
}
