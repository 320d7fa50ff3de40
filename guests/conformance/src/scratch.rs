//! Where one behaviour is tried: a corner of the bucket, by the start of its keys.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::generation::{self, Error};

const CORNER: &str = "conformance/";

pub struct Scratch {
    pub bucket: String,
    prefix: String,
    wrote: RefCell<BTreeSet<String>>,
}

// === impl Scratch ===

impl Scratch {
    pub fn new(bucket: &str, number: usize) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: format!("{CORNER}{number}/"),
            wrote: RefCell::default(),
        }
    }

    /// A key as the host sees it.
    pub fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// A key as the host sees it, which `remove` will delete.
    pub fn writes(&self, key: &str) -> String {
        let key = self.key(key);
        self.wrote.borrow_mut().insert(key.clone());
        key
    }

    /// A key as the behaviour sees it, if it is one of its own.
    pub fn own<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(&*self.prefix)
    }

    /// A key that is `length` bytes long to the host, and ends in `end`.
    pub fn long(&self, length: usize, end: &str) -> String {
        "x".repeat(length - self.prefix.len() - end.len()) + end
    }

    /// Deletes what was written.
    pub fn remove(&self) -> Result<(), Error> {
        let wrote: Vec<_> = self.wrote.take().into_iter().collect();
        delete(&self.bucket, &wrote)
    }
}

/// Deletes the keys that any run left, and returns their number.
pub fn clean(bucket: &str) -> Result<usize, Error> {
    let mut left = generation::keys(&generation::open(bucket)?)?;
    left.retain(|key| key.starts_with(CORNER));
    delete(bucket, &left)?;
    Ok(left.len())
}

/// Few keys one by one: a host whose batches trap would hide all behaviours behind the first.
fn delete(bucket: &str, keys: &[String]) -> Result<(), Error> {
    const FEW: usize = 100;
    if keys.is_empty() {
        return Ok(());
    }
    let bucket = generation::open(bucket)?;
    if keys.len() > FEW && generation::delete_many(&bucket, keys).is_ok() {
        return Ok(());
    }
    keys.iter()
        .try_for_each(|key| generation::delete(&bucket, key))
}
