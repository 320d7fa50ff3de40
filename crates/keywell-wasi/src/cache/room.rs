use std::sync::Arc;

use keywell_store::Bucket as _;
use tokio::sync::Semaphore;

use crate::budget::Charge;
use crate::opened::Opened;
use crate::values::{IncomingValue, Trace};

/// The room that an instance has for a call.
pub(crate) struct Room {
    max: usize,
    charge: Charge,
    reads: Arc<Semaphore>,
}

// === impl Room ===

impl Room {
    /// Room for values of at most `max` bytes, which `charge` will charge. A reading waits for one
    /// of `reads`.
    pub(crate) fn new(max: usize, charge: Charge, reads: Arc<Semaphore>) -> Self {
        Self { max, charge, reads }
    }

    /// Charges bytes for as long as this lives.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Trace> {
        Ok(self.charge.add(bytes)?)
    }

    /// Reads a value, and charges it.
    pub(crate) async fn get(
        &mut self,
        bucket: &Opened,
        key: &str,
    ) -> Result<Option<IncomingValue>, Trace> {
        let _permit = self.reads.acquire().await;
        let Some(entry) = bucket.get_within(key, self.max).await? else {
            return Ok(None);
        };
        self.charge.add(entry.value.len())?;
        Ok(Some(IncomingValue::new(entry.value, self.charge.split())))
    }
}
