//! Is called when a key changes. It prints the change and counts the changes of each key.

// Functions, types and a trait for what `wit/world.wit` imports and exports.
wit_bindgen::generate!({ path: "wit", world: "watcher", generate_all });

use exports::wasi::keyvalue::watcher::Guest;
use wasi::keyvalue::atomics;
use wasi::keyvalue::store::{self, Bucket};

struct Watcher;

export!(Watcher);

impl Guest for Watcher {
    /// A key has a new value. `bucket` is the one that the key is in.
    fn on_set(_bucket: Bucket, key: String, value: Vec<u8>) {
        let changes = count(&key);
        let value = String::from_utf8_lossy(&value);
        println!("{key} is {value:?}, change {changes}");
    }

    /// A key is gone.
    fn on_delete(_bucket: Bucket, key: String) {
        let changes = count(&key);
        println!("{key} is gone, change {changes}");
    }
}

/// Counts a change, in a bucket that nothing watches.
///
/// A panic is a failed delivery: Keywell delivers the change again, and keeps it as a dead letter
/// if that fails, too.
fn count(key: &str) -> i64 {
    let changes = store::open("changes").expect("the bucket opens");
    atomics::increment(&changes, key, 1).expect("the change is counted")
}
