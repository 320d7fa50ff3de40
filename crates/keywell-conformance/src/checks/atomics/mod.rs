mod counters;
mod swaps;
mod unchanged;

pub(crate) use counters::*;
pub(crate) use swaps::*;
pub(crate) use unchanged::*;

use keywell_store::{Change, Expected, Set, Swap, Version};

use crate::failure::{Failure, Verdict, same};
use crate::scratch::Handle;

/// Sets a value, if the expectation holds.
async fn swap(
    bucket: &Handle,
    key: &str,
    expected: Expected,
    value: &'static str,
) -> Result<Swap, Failure> {
    let change = Change::Set(value.into(), Set::default());
    Ok(bucket.swap(key, expected, change).await?)
}

/// The version that a swap wrote; fails if it wrote none.
fn wrote(answered: &Swap, promise: &str) -> Result<Version, Failure> {
    match answered {
        Swap::Done(Some(version)) => Ok(version.clone()),
        Swap::Done(None) => Err(Failure::new("done, without a version", promise)),
        Swap::Stale => Err(Failure::new("stale", promise)),
    }
}

fn is_stale(answered: Swap, promise: &str) -> Verdict {
    same(answered, Swap::Stale, promise)
}
