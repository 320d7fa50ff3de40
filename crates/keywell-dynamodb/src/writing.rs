//! Writes of one key, each one request that is sent once.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use bytes::Bytes;
use keywell_client::{Backoff, Deadline};
use keywell_store::{Change, Error, Expected, Result, Set, Swap, Version, counter};

use crate::backing::{Backing, crowded};
use crate::condition::{Condition, names};
use crate::fault::Answer;
use crate::item::{
    Attributes, Item, VALUE, VERSION, bytes, ending, new_version, now, primary, token, written,
};
use crate::link::Kind;

/// How often an increment or a transaction that lost to another write is tried again.
pub(crate) const ATTEMPTS: usize = 64;
/// How long an increment waits for others of its key.
const TURN: Duration = Duration::from_secs(10);

/// How a conditional write ended.
enum Outcome {
    Done,
    /// The condition did not hold. The item that was there, if DynamoDB says so.
    Failed(Option<Attributes>),
}

// === impl Backing ===

impl Backing {
    pub(crate) async fn set(&self, key: &str, value: Bytes, how: Set) -> Result<Version> {
        let version = new_version();
        let item = written(&self.bucket, key, value, &version, ending(how)?);
        self.put(item, None).await?;
        Ok(version)
    }

    /// Deletes a key. One whose time has ended is left to DynamoDB, so that watches can
    /// distinguish its end from a deletion.
    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        self.remove(Kind::Writes, key, &Condition::Unended)
            .await
            .map(drop)
    }

    /// Whether keys can be written: deletes one at a version that it does not have.
    pub(crate) async fn probe(&self) -> Result<()> {
        let never = new_version().as_bytes().cloned().unwrap_or_default();
        let never = Condition::At(never);
        self.remove(Kind::Reads, "health", &never).await.map(drop)
    }

    pub(crate) async fn swap(&self, key: &str, expected: Expected, change: Change) -> Result<Swap> {
        let ends = match &change {
            // Refused whether or not the expectation holds.
            Change::Set(_, how) => ending(*how)?,
            Change::Delete => None,
        };
        let Some(condition) = Condition::expected(&expected) else {
            return Ok(Swap::Stale);
        };
        let (outcome, version) = match change {
            Change::Set(value, _) => {
                let version = new_version();
                let item = written(&self.bucket, key, value, &version, ends);
                (self.put(item, Some(&condition)).await?, Some(version))
            }
            Change::Delete if condition == Condition::Absent => {
                let is_there = self.is_there(key).await?;
                return Ok(if is_there {
                    Swap::Stale
                } else {
                    Swap::Done(None)
                });
            }
            Change::Delete => (self.remove(Kind::Writes, key, &condition).await?, None),
        };
        Ok(match outcome {
            Outcome::Done => Swap::Done(version),
            Outcome::Failed(_) => Swap::Stale,
        })
    }

    pub(crate) async fn count(&self, key: &str, delta: i64, created: Set) -> Result<i64> {
        // Refused before anything is read.
        ending(created)?;
        let turn = Deadline::after(TURN).bound(self.counters.turn(key)).await;
        let _turn = turn.map_err(|_| {
            let what = "other increments of the key wait for DynamoDB";
            Error::Unavailable(what.into())
        })?;
        let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(50));
        let mut found = self.item(key).await?;
        for _ in 0..ATTEMPTS {
            let old = found.as_ref().map(Item::value).transpose()?;
            let sum = counter::add(old.as_deref(), delta)?;
            let outcome = match &found {
                None => {
                    let value = counter::text(sum);
                    let ends = ending(created)?;
                    let item = written(&self.bucket, key, value, &new_version(), ends);
                    self.put(item, Some(&Condition::Absent)).await?
                }
                // The time of a counter that is there goes on.
                Some(item) => self.replace_value(item, counter::text(sum)).await?,
            };
            match outcome {
                Outcome::Done => return Ok(sum),
                Outcome::Failed(Some(item)) => found = Item::read(item)?.live(now()),
                Outcome::Failed(None) => {
                    backoff.pause().await;
                    found = self.item(key).await?;
                }
            }
        }
        Err(crowded())
    }

    async fn put(&self, item: Attributes, condition: Option<&Condition>) -> Result<Outcome> {
        let mut request = self
            .link
            .client
            .put_item()
            .table_name(&self.link.table)
            .set_item(Some(item));
        if let Some(condition) = condition {
            request = request
                .condition_expression(condition.expression())
                .set_expression_attribute_names(Some(condition.names()))
                .set_expression_attribute_values(Some(condition.values()))
                .return_values_on_condition_check_failure(ALL);
        }
        let answered = self
            .link
            .call(Kind::Writes, || request.clone().send())
            .await?;
        let Err(error) = answered else {
            return Ok(Outcome::Done);
        };
        let item = match &error {
            PutItemError::ConditionalCheckFailedException(failed) => failed.item.clone(),
            _ => None,
        };
        self.failed(&error, item)
    }

    async fn remove(&self, kind: Kind, key: &str, condition: &Condition) -> Result<Outcome> {
        let request = self
            .link
            .client
            .delete_item()
            .table_name(&self.link.table)
            .set_key(Some(primary(&self.bucket, key)))
            .condition_expression(condition.expression())
            .set_expression_attribute_names(Some(condition.names()))
            .set_expression_attribute_values(Some(condition.values()));
        let answered = self.link.call(kind, || request.clone().send()).await?;
        match answered {
            Ok(_) => Ok(Outcome::Done),
            Err(error) => self.failed(&error, None),
        }
    }

    /// Writes another value into an item that is still as it was read.
    async fn replace_value(&self, item: &Item, value: Bytes) -> Result<Outcome> {
        let condition = Condition::unchanged(Some(item));
        let request = self
            .link
            .client
            .update_item()
            .table_name(&self.link.table)
            .set_key(Some(primary(&self.bucket, &item.key)))
            .update_expression(REPLACE)
            .condition_expression(condition.expression())
            .set_expression_attribute_names(Some(replace_names(&condition)))
            .set_expression_attribute_values(Some(replace_values(
                &condition,
                value,
                &new_version(),
            )))
            .return_values_on_condition_check_failure(ALL);
        let answered = self
            .link
            .call(Kind::Writes, || request.clone().send())
            .await?;
        let Err(error) = answered else {
            return Ok(Outcome::Done);
        };
        let item = match &error {
            UpdateItemError::ConditionalCheckFailedException(failed) => failed.item.clone(),
            _ => None,
        };
        self.failed(&error, item)
    }

    fn failed<E: Answer>(&self, error: &E, item: Option<Attributes>) -> Result<Outcome> {
        if ProvideErrorMetadata::code(error) == Some("ConditionalCheckFailedException") {
            return Ok(Outcome::Failed(item));
        }
        Err(self.link.unexpected(error))
    }
}

const ALL: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// What an increment changes of an item that is there.
pub(crate) const REPLACE: &str = "SET #value = :value, #version = :new";

pub(crate) fn replace_names(condition: &Condition) -> HashMap<String, String> {
    let mut names = names(&[VALUE, VERSION]);
    names.extend(condition.names());
    names
}

pub(crate) fn replace_values(condition: &Condition, value: Bytes, version: &Version) -> Attributes {
    let mut values = condition.values();
    values.insert(":value".to_owned(), bytes(value));
    values.insert(":new".to_owned(), token(version));
    values
}
