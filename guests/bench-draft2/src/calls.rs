use alloc::string::String;
use alloc::vec::Vec;
use core::cell::OnceCell;

use bare as _;

use crate::keywell::bench::host;
use crate::wasi::keyvalue::store::{self, Bucket};
use crate::wasi::keyvalue::{atomics, batch};
use crate::{Bench, Guest};

const KEY: &str = "greeting";
const VALUE: &[u8; 23] = b"Hello, component world!";
const COUNTER: &str = "counter";
const BATCH: usize = 10;

/// The bucket `prepare` opened.
struct Held(OnceCell<Bucket>);

static HELD: Held = Held(OnceCell::new());

// SAFETY: a guest has one thread.
unsafe impl Sync for Held {}

// === impl Bench ===

impl Guest for Bench {
    fn prepare() {
        let bucket = HELD
            .0
            .get_or_init(|| store::open("").expect("the default bucket is granted"));
        bucket.set(KEY, VALUE).expect("the store is well");
    }

    fn get(n: u32) -> u64 {
        let bucket = bucket();
        sum(n, || length(bucket.get(KEY).expect("the store is well")))
    }

    fn set(n: u32) -> u64 {
        let bucket = bucket();
        sum(n, || {
            bucket.set(KEY, VALUE).expect("the store is well");
            VALUE.len()
        })
    }

    fn exists(n: u32) -> u64 {
        let bucket = bucket();
        sum(n, || bucket.exists(KEY).expect("the store is well").into())
    }

    fn increment(n: u32) -> u64 {
        let bucket = bucket();
        let last = (0..n).fold(0, |_, _| {
            atomics::increment(bucket, COUNTER, 1).expect("the store is well")
        });
        // Signed in one generation, unsigned in the other.
        u64::try_from(i128::from(last)).expect("the counter only grows")
    }

    fn get_many(n: u32) -> u64 {
        let bucket = bucket();
        let keys: Vec<String> = (0..BATCH).map(|_| KEY.into()).collect();
        sum(n, || {
            let entries = batch::get_many(bucket, &keys).expect("the store is well");
            entries
                .into_iter()
                .flatten()
                .map(|(_, value)| value.len())
                .sum()
        })
    }

    fn constant(n: u32) -> u64 {
        sum(n, || length(host::constant(KEY)))
    }
}

fn bucket() -> &'static Bucket {
    HELD.0.get().expect("prepare was called")
}

fn length(value: Option<Vec<u8>>) -> usize {
    value.map_or(0, |value| value.len())
}

fn sum(n: u32, call: impl Fn() -> usize) -> u64 {
    (0..n).map(|_| call() as u64).sum()
}
