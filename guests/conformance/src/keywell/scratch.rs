//! Where one behaviour is tried: a corner of the bucket, by the start of its keys.

use crate::keywell::keyvalue::store::{self, Error, ListOptions};

const CORNER: &str = "conformance/";

pub struct Scratch {
    pub bucket: String,
    /// What its keys begin with to the host.
    pub prefix: String,
}

// === impl Scratch ===

impl Scratch {
    pub fn new(bucket: &str, number: usize) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: format!("{CORNER}{number}/"),
        }
    }

    /// A key as the host sees it.
    pub fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Deletes what was written.
    pub fn remove(&self) -> Result<(), Error> {
        remove(&self.bucket, &self.prefix).map(drop)
    }
}

/// Deletes the keys that any run left, and returns their number.
pub fn clean(bucket: &str) -> Result<usize, Error> {
    remove(bucket, CORNER)
}

fn remove(bucket: &str, prefix: &str) -> Result<usize, Error> {
    use crate::keywell::keyvalue::store::Expectation;

    let bucket = store::open(bucket)?;
    let (mut keys, mut cursor) = (Vec::new(), None);
    loop {
        let page = bucket.list(&ListOptions {
            prefix: prefix.into(),
            limit: None,
            values: false,
            cursor,
        })?;
        keys.extend(page.items.into_iter().map(|item| item.key));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    for key in &keys {
        bucket.delete(key, &Expectation::Any)?;
    }
    Ok(keys.len())
}
