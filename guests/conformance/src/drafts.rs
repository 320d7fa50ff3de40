//! What the suite itself asks of a host, in the drafts of 0.2.0.

use crate::generation;
use crate::wasi::keyvalue::{batch, store};

pub use store::{Bucket, Error};

/// The function that opens a bucket.
pub const OPEN: &str = "store.open";

pub fn open(bucket: &str) -> Result<Bucket, Error> {
    store::open(bucket)
}

pub fn keys(bucket: &Bucket) -> Result<Vec<String>, Error> {
    let (mut keys, mut cursor) = (Vec::new(), None);
    loop {
        let page = generation::list_keys(bucket, cursor.as_ref())?;
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(keys);
        }
    }
}

pub fn delete(bucket: &Bucket, key: &str) -> Result<(), Error> {
    bucket.delete(key)
}

pub fn delete_many(bucket: &Bucket, keys: &[String]) -> Result<(), Error> {
    batch::delete_many(bucket, keys)
}

pub fn describe(error: &Error) -> String {
    match error {
        Error::NoSuchStore => "the error no-such-store".into(),
        Error::AccessDenied => "the error access-denied".into(),
        Error::Other(text) => format!("the error other: {text}"),
    }
}

/// A name as the interface has it.
pub fn named(name: &str) -> String {
    name.to_owned()
}
