use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use core::cell::OnceCell;

use bare as _;

use crate::generation::{self, batch, entry};
use crate::wasi::keyvalue::atomic;
use crate::wasi::keyvalue::types::{Bucket, IncomingValue, OutgoingValue};
use crate::{Bench, Guest};

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
    /// The keys of a batch that is written to be deleted.
    gone: Vec<String>,
}

struct Once(OnceCell<Held>);

static HELD: Once = Once(OnceCell::new());

// SAFETY: a guest has one thread.
unsafe impl Sync for Once {}

// === impl Bench ===

impl Guest for Bench {
    fn prepare(size: u32) {
        let held = HELD.0.get_or_init(|| Held::new(size as usize));
        held.set(KEY, &held.value);
        held.set(COUNTER, b"0");
        held.set_many(&held.keys);
    }

    fn get(n: u32) -> u64 {
        let bucket = &held().bucket;
        sum(n, || length(&generation::get(bucket, KEY)))
    }

    fn set(n: u32) -> u64 {
        let held = held();
        sum(n, || {
            held.set(KEY, &held.value);
            held.value.len()
        })
    }

    fn delete(n: u32) -> u64 {
        let held = held();
        sum(n, || {
            held.set(GONE, &held.value);
            well(entry::delete(&held.bucket, GONE));
            1
        })
    }

    fn exists(n: u32) -> u64 {
        let bucket = &held().bucket;
        sum(n, || well(entry::exists(bucket, KEY)).into())
    }

    fn list_keys(n: u32) -> u64 {
        let bucket = &held().bucket;
        sum(n, || generation::count_keys(bucket))
    }

    fn increment(n: u32) -> u64 {
        let bucket = &held().bucket;
        (0..n).fold(0, |_, _| well(atomic::increment(bucket, COUNTER, 1)))
    }

    fn swap(n: u32) -> u64 {
        let held = held();
        held.set(COUNTER, b"0");
        let bucket = &held.bucket;
        sum(n, || {
            let swapped = atomic::compare_and_swap(bucket, COUNTER, 0, 0);
            well(swapped).into()
        })
    }

    fn get_many(n: u32) -> u64 {
        let Held { bucket, keys, .. } = held();
        sum(n, || {
            let values = generation::get_many(bucket, keys);
            values.map(|value| length(&value)).sum()
        })
    }

    fn set_many(n: u32) -> u64 {
        let held = held();
        sum(n, || held.set_many(&held.keys))
    }

    fn delete_many(n: u32) -> u64 {
        let held = held();
        sum(n, || {
            held.set_many(&held.gone);
            well(batch::delete_many(&held.bucket, &held.gone));
            held.gone.len()
        })
    }
}

// === impl Held ===

impl Held {
    fn new(size: usize) -> Self {
        let keys =
            |name: &str| -> Vec<String> { (0..BATCH).map(|n| format!("{name}-{n}")).collect() };
        Self {
            bucket: well(Bucket::open_bucket("")),
            value: vec![b'v'; size],
            keys: keys("batch"),
            gone: keys(GONE),
        }
    }

    fn set(&self, key: &str, value: &[u8]) {
        let outgoing = OutgoingValue::new_outgoing_value();
        well(outgoing.outgoing_value_write_body_sync(value));
        well(entry::set(&self.bucket, key, &outgoing));
    }

    /// A value of its own for each key; answers how many.
    fn set_many(&self, keys: &[String]) -> usize {
        let outgoing = keys.iter().map(|_| {
            let outgoing = OutgoingValue::new_outgoing_value();
            well(outgoing.outgoing_value_write_body_sync(&self.value));
            outgoing
        });
        let outgoing: Vec<_> = outgoing.collect();
        let pairs: Vec<_> = keys.iter().cloned().zip(&outgoing).collect();
        well(batch::set_many(&self.bucket, &pairs));
        pairs.len()
    }
}

fn held() -> &'static Held {
    HELD.0.get().expect("prepare was called")
}

fn length(value: &IncomingValue) -> usize {
    well(value.incoming_value_consume_sync()).len()
}

fn well<T, E>(result: Result<T, E>) -> T {
    result.ok().expect("the store is well")
}

fn sum(n: u32, call: impl Fn() -> usize) -> u64 {
    (0..n).map(|_| call() as u64).sum()
}
