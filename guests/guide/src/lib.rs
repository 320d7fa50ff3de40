//! The example of Golem's guide to key-value storage: sets and gets values in any bucket, on
//! `wasi:keyvalue` without a version.
//!
//! There a missing key is an error, which differs from others by its trace alone.

use exports::golem::examples::api::Guest;
use wasi::keyvalue::readwrite;
use wasi::keyvalue::types::{Bucket, OutgoingValue};

wit_bindgen::generate!({
    path: ["../../wit/io-0.2.0", "../../wit/keyvalue", "wit"],
    world: "golem:examples/key-value-example",
    generate_all,
});

export!(Guide);

struct Guide;

// === impl Guide ===

impl Guest for Guide {
    fn get(bucket: String, key: String) -> Option<Vec<u8>> {
        let bucket = open(&bucket);
        match readwrite::get(&bucket, &key) {
            Ok(value) => match value.incoming_value_consume_sync() {
                Ok(value) => Some(value),
                Err(error) => panic!("{key:?} is not read: {}", error.trace()),
            },
            Err(error) => match &*error.trace() {
                "Key not found" => None,
                trace => panic!("{key:?} is not read: {trace}"),
            },
        }
    }

    fn set(bucket: String, key: String, value: Vec<u8>) {
        let bucket = open(&bucket);
        let outgoing = OutgoingValue::new_outgoing_value();
        let written = outgoing
            .outgoing_value_write_body_sync(&value)
            .and_then(|()| readwrite::set(&bucket, &key, &outgoing));
        if let Err(error) = written {
            panic!("{key:?} is not set: {}", error.trace());
        }
    }
}

fn open(name: &str) -> Bucket {
    Bucket::open_bucket(name)
        .unwrap_or_else(|error| panic!("the bucket {name:?} does not open: {}", error.trace()))
}
