//! The receipt of a worker in a store: which of its writes came last.
//!
//! 1. It is written in the transaction of the write, which checks that it is as it was before the
//!    write was intended. So a write happens once.
//! 2. A process that settles an interrupted write, and does not find its receipt, takes the receipt
//!    over before it writes. From then on the process that was interrupted writes nothing, should it
//!    only have been paused.
//! 3. The next write overwrites it, which is intended after this one is settled.

use std::sync::Arc;

use keywell_store::{
    Action, Bucket, BucketName, Change, Check, Entry, Expected, Result as StoreResult, Set, Write,
    reserved,
};
use serde::{Deserialize, Serialize};

use crate::seal;

use super::site::Site;

const KIND: [u8; 3] = *b"KWR";

/// Where the receipt is.
pub(super) struct Place {
    bucket: Arc<dyn Bucket>,
    name: BucketName,
    key: String,
}

#[derive(Serialize, Deserialize)]
struct Receipt {
    /// The invocation and the call.
    id: (u64, u64),
    /// Which process wrote it.
    epoch: u64,
    /// The counters of the write; none where it was taken over and has not happened.
    applied: Option<Vec<Option<i64>>>,
}

// === impl Place ===

impl Place {
    pub(super) async fn of(site: &Site) -> StoreResult<Self> {
        use std::fmt::Write as _;
        let name = BucketName::parse(reserved::RECEIPTS)?;
        let bucket = site.bucket(&name).await?;
        let mut key = String::new();
        for byte in site.session.shared().identity {
            write!(key, "{byte:02x}").expect("a string has room");
        }
        Ok(Self { bucket, name, key })
    }

    pub(super) async fn read(&self) -> StoreResult<Option<Entry>> {
        self.bucket.get(&self.key).await
    }

    pub(super) fn check(&self, expected: Expected) -> Check {
        Check {
            bucket: self.name.clone(),
            key: self.key.clone(),
            expected,
        }
    }

    /// The receipt of a write with these counters, or for none the takeover.
    pub(super) fn write(
        &self,
        id: (u64, u64),
        epoch: u64,
        applied: Option<Vec<Option<i64>>>,
    ) -> Write {
        let receipt = Receipt { id, epoch, applied };
        let value = seal::seal(KIND, &receipt);
        Write {
            bucket: self.name.clone(),
            key: self.key.clone(),
            action: Action::Change(Change::Set(value, Set::default())),
        }
    }
}

/// The counters of a write, if this is the receipt that it happened.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn counters(
    found: Option<&Entry>,
    id: (u64, u64),
) -> Result<Option<Vec<Option<i64>>>, &'static str> {
    let Some(entry) = found else {
        return Ok(None);
    };
    let receipt: Receipt = seal::open(KIND, &entry.value)?;
    Ok(receipt.applied.filter(|_| receipt.id == id))
}
