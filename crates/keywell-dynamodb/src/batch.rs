//! Batches of writes, split as DynamoDB takes them.

use std::time::Duration;

use aws_sdk_dynamodb::types::WriteRequest;
use keywell_client::{Backoff, Deadline};
use keywell_store::{Error, Result};

use crate::backing::Backing;
use crate::link::{Kind, Link, wait};

/// The most writes of a request.
const MOST: usize = 25;

/// How fast to send again what DynamoDB left out of a batch, and for how long.
pub(crate) struct Pace {
    backoff: Backoff,
    deadline: Deadline,
}

// === impl Pace ===

impl Pace {
    /// Waits.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when there is no time left.
    pub(crate) async fn pause(&mut self) -> Result<()> {
        let pause = self.backoff.next_wait();
        if pause >= self.deadline.left() {
            let what = "DynamoDB leaves out parts of a batch, as it does while it throttles";
            return Err(Error::Unavailable(what.into()));
        }
        wait(pause).await;
        Ok(())
    }
}

// === impl Link ===

impl Link {
    pub(crate) fn pace(&self) -> Pace {
        Pace {
            backoff: Backoff::new(Duration::from_millis(20), Duration::from_secs(1)),
            deadline: self.deadline(),
        }
    }
}

// === impl Backing ===

impl Backing {
    /// Sends all of these, and those again that DynamoDB leaves out.
    pub(crate) async fn write_all(&self, writes: Vec<WriteRequest>) -> Result<()> {
        let mut is_partial = false;
        for part in writes.chunks(MOST) {
            let mut left = part.to_vec();
            let mut pace = self.link.pace();
            while !left.is_empty() {
                let count = left.len();
                left = self
                    .write_some(left)
                    .await
                    .map_err(|error| of(error, is_partial))?;
                is_partial |= left.len() < count;
                if !left.is_empty() {
                    pace.pause().await.map_err(|error| of(error, is_partial))?;
                }
            }
        }
        Ok(())
    }

    /// Sends these once; returns those that were left out.
    async fn write_some(&self, writes: Vec<WriteRequest>) -> Result<Vec<WriteRequest>> {
        let link = &self.link;
        let request = link
            .client
            .batch_write_item()
            .request_items(&link.table, writes);
        let response = link.get(Kind::Writes, || request.clone().send()).await?;
        let left = response.unprocessed_items.unwrap_or_default();
        Ok(left.into_values().flatten().collect())
    }
}

/// The error of a batch of which a part may be written.
fn of(error: Error, is_partial: bool) -> Error {
    if is_partial { error.of_a_part() } else { error }
}
