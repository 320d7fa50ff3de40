//! Writes when it was called for a change: `on-set` first reads the clock. It writes the value and that
//! time, in nanoseconds of the Unix era, to the key `seen`.

#![no_std]

extern crate alloc;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bare as _;
use exports::wasi::keyvalue::watcher::Guest;
use wasi::keyvalue::store::Bucket;
use wasip2::clocks::wall_clock;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "watch-service" });

export!(Watcher);

struct Watcher;

// === impl Watcher ===

impl Guest for Watcher {
    fn on_set(bucket: Bucket, _: String, value: Vec<u8>) {
        let now = wall_clock::now();
        let nanos = u128::from(now.seconds) * 1_000_000_000 + u128::from(now.nanoseconds);
        let value = String::from_utf8_lossy(&value);
        let seen = format!("{value} {nanos}");
        bucket
            .set("seen", seen.as_bytes())
            .expect("the store is well");
    }

    fn on_delete(_: Bucket, _: String) {}
}
