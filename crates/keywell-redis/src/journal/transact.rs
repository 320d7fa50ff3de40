//! Transactions over the keys of a bucket that has one shard.

use keywell_store::{Action, BucketName, Change, Check, Result, Transacting, Write};

use super::limits::LIMITS;
use crate::transact::{BYTES, OPERATIONS};

/// What a bucket of so many shards declares.
pub(super) fn transacting(shards: usize) -> Transacting {
    if shards > 1 {
        return Transacting::None;
    }
    Transacting::Bucket {
        operations: OPERATIONS,
        bytes: BYTES,
    }
}

/// Checks a transaction, and each of its operations as a call of its own.
pub(super) fn check(shards: usize, checks: &[Check], writes: &[Write]) -> Result<()> {
    transacting(shards).check(checks, writes)?;
    for check in checks {
        LIMITS.check_entry(&check.key, b"")?;
    }
    for write in writes {
        let value = match &write.action {
            Action::Change(Change::Set(value, _)) => &value[..],
            Action::Change(Change::Delete) | Action::Increment(_) => b"",
        };
        LIMITS.check_entry(&write.key, value)?;
    }
    Ok(())
}

/// The bucket of all operations; none if there is no operation.
pub(super) fn bucket<'a>(checks: &'a [Check], writes: &'a [Write]) -> Option<&'a BucketName> {
    let checked = checks.iter().map(|check| &check.bucket);
    checked
        .chain(writes.iter().map(|write| &write.bucket))
        .next()
}
