//! Writes, each one request that is sent once.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    DeleteRequest, PutRequest, ReturnValuesOnConditionCheckFailure, WriteRequest,
};
use bytes::Bytes;
use keywell_client::Attempts;
use keywell_store::backend::{Reader as _, Writer};
use keywell_store::{Change, Expected, Result, Set, Swap, Version, counter};

use crate::backing::Backing;
use crate::condition::{Condition, names};
use crate::fault::{Answer, internal};
use crate::item::{
    Attributes, Item, VALUE, VERSION, bytes, ending, new_version, now, primary, token, written,
};
use crate::link::Kind;

/// How a conditional write ended.
enum Outcome {
    Done,
    /// The condition did not hold. The item that was there, if DynamoDB says so.
    Failed(Option<Attributes>),
}

// === impl Backing ===

impl Writer for Backing {
    async fn set(&self, key: &str, value: Bytes, how: Set) -> Result<Version> {
        let version = new_version();
        let item = written(&self.bucket, key, value, &version, ending(how)?);
        self.put(item, None).await?;
        Ok(version)
    }

    /// Deletes a key. One whose time has ended is left to DynamoDB, so that watches can
    /// distinguish its end from a deletion.
    async fn delete(&self, key: &str) -> Result<()> {
        self.remove(Kind::Writes, key, &Condition::Unended)
            .await
            .map(drop)
    }

    async fn swap(&self, key: &str, expected: Expected, change: Change) -> Result<Swap> {
        let ends = match &change {
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
                let is_there = self.exists(key).await?;
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

    async fn increment(&self, key: &str, delta: i64, created: Set) -> Result<i64> {
        let _turn = self.counters.turn_to_increment(key, "DynamoDB").await?;
        let mut attempts = Attempts::new(Duration::from_millis(50));
        let mut found = self.item(key).await?;
        loop {
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
                Outcome::Failed(Some(item)) => {
                    attempts.spend()?;
                    found = Item::read(item)?.live(now());
                }
                Outcome::Failed(None) => {
                    attempts.lost().await?;
                    found = self.item(key).await?;
                }
            }
        }
    }

    async fn set_many(&self, entries: Vec<(String, Bytes)>) -> Result<()> {
        let puts = entries.into_iter().map(|(key, value)| {
            let item = written(&self.bucket, &key, value, &new_version(), None);
            let put = PutRequest::builder().set_item(Some(item)).build();
            let put = put.map_err(internal)?;
            Ok(WriteRequest::builder().put_request(put).build())
        });
        self.write_all(puts.collect::<Result<_>>()?).await
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<()> {
        let deletes = keys.iter().map(|key| {
            let key = primary(&self.bucket, key);
            let delete = DeleteRequest::builder().set_key(Some(key)).build();
            let delete = delete.map_err(internal)?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        });
        self.write_all(deletes.collect::<Result<_>>()?).await
    }
}

impl Backing {
    /// Whether keys can be written: deletes one at a version that it does not have.
    pub(crate) async fn probe(&self) -> Result<()> {
        let never = new_version().as_bytes().cloned().unwrap_or_default();
        let never = Condition::At(never);
        self.remove(Kind::Reads, "health", &never).await.map(drop)
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
