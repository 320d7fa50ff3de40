//! Batches of writes, split as DynamoDB takes them.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, WriteRequest};
use bytes::Bytes;
use keywell_client::{Backoff, Deadline};
use keywell_store::{Error, Result};

use crate::backing::Backing;
use crate::fault::internal;
use crate::item::{new_version, primary, written};
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
    /// Writes entries, each key once. Of a key given twice, the last value stands.
    pub(crate) async fn set_many(&self, entries: Vec<(String, Bytes)>) -> Result<()> {
        let entries: HashMap<String, Bytes> = entries.into_iter().collect();
        let puts = entries.into_iter().map(|(key, value)| {
            let item = written(&self.bucket, &key, value, &new_version(), None);
            let put = PutRequest::builder().set_item(Some(item)).build();
            let put = put.map_err(internal)?;
            Ok(WriteRequest::builder().put_request(put).build())
        });
        self.write_all(puts.collect::<Result<_>>()?).await
    }

    pub(crate) async fn delete_many(&self, mut keys: Vec<String>) -> Result<()> {
        keys.sort_unstable();
        keys.dedup();
        let deletes = keys.iter().map(|key| {
            let key = primary(&self.bucket, key);
            let delete = DeleteRequest::builder().set_key(Some(key)).build();
            let delete = delete.map_err(internal)?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        });
        self.write_all(deletes.collect::<Result<_>>()?).await
    }

    /// Sends all of these, and those again that DynamoDB leaves out.
    async fn write_all(&self, writes: Vec<WriteRequest>) -> Result<()> {
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
