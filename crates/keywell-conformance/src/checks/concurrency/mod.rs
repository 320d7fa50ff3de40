mod counters;
mod reads;
mod swaps;
mod writers;

pub(crate) use counters::*;
pub(crate) use reads::*;
pub(crate) use swaps::*;
pub(crate) use writers::*;

use bytes::Bytes;
use keywell_store::{Change, Set};

use crate::failure::Failure;
use crate::scratch::{Handle, value};

/// How many calls each task makes.
const ROUNDS: usize = 25;

fn put(value: impl Into<Bytes>) -> Change {
    Change::Set(value.into(), Set::default())
}

/// The number that a key holds.
async fn number(bucket: &Handle, key: &str) -> Result<u64, Failure> {
    let value = value(bucket, key).await?.unwrap_or_default();
    let number = std::str::from_utf8(&value)
        .ok()
        .and_then(|text| text.parse().ok());
    number.ok_or_else(|| Failure::new(format!("{value:?}"), "a number that was written"))
}
