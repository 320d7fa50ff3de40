//! Attacks by way of buckets.

use crate::wasi::keyvalue::store::{self, Bucket, Error};
use crate::wasi::keyvalue::{atomics, batch};

fn bucket() -> Result<Bucket, Error> {
    store::open("default")
}

fn describe(result: Result<String, Error>) -> String {
    result.unwrap_or_else(|error| format!("error: {error:?}"))
}

fn bytes(length: u64) -> Vec<u8> {
    vec![b'.'; usize::try_from(length).unwrap_or_default()]
}

pub fn set(key: &str, length: u64) -> String {
    let set = bucket().and_then(|bucket| bucket.set(key, &bytes(length)));
    describe(set.map(|()| "set".into()))
}

pub fn get_many(key: &str, times: u64) -> String {
    get((0..times).map(|_| key.to_owned()).collect())
}

pub fn get_each(keys: u64) -> String {
    get((0..keys).map(|n| format!("big-{n}")).collect())
}

fn get(keys: Vec<String>) -> String {
    let got = bucket().and_then(|bucket| batch::get_many(&bucket, &keys));
    drop(keys);
    describe(got.map(|values| format!("made {}", values.iter().flatten().count())))
}

/// Holds handles whose snapshots differ, so that no two can share their bytes.
pub fn snapshots(times: u64, length: u64) -> String {
    let made = (|| {
        let bucket = bucket()?;
        let mut handles = Vec::new();
        let mut value = bytes(length);
        for n in 0..times {
            if let Some(first) = value.first_mut() {
                *first = u8::try_from(n % 256).unwrap_or_default();
            }
            bucket.set("snapshot", &value)?;
            match atomics::Cas::new(&bucket, "snapshot") {
                Ok(handle) => handles.push(handle),
                Err(error) => return Ok(format!("made {}, {error:?}", handles.len())),
            }
        }
        Ok(format!("made {}", handles.len()))
    })();
    describe(made)
}
