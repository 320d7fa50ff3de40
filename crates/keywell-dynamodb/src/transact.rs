//! Transactions over the keys of all buckets, each one `TransactWriteItems`.
//!
//! DynamoDB takes one operation of an item, so the checks of a key are merged with its write. The
//! result of a deletion or an increment depends on what is there, so those keys are read first, with
//! all that are checked; then they have to be as they were read, and if one is not, all are read
//! again. A transaction without them is sent at once.
//!
//! A transaction that is not answered is sent again with the same `ClientRequestToken`, by which
//! DynamoDB performs it once. What comes of an attempt without an answer is then known only by the
//! success of the same request, or if a check of a version fails, as no write brings a version back.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use bytes::Bytes;
use keywell_client::{Attempts, Backoff};
use keywell_store::{
    Action, Change, Check, Error, Expected, Result, Transacted, Version, Write, Written, counter,
};

use crate::condition::Condition;
use crate::fault::internal;
use crate::item::{Attributes, Item, ending, new_version, now, primary, written};
use crate::link::Link;
use crate::reading::Extent;
use crate::writing::{REPLACE, replace_names, replace_values};

/// A bucket and a key.
type Name<'a> = (&'a str, &'a str);
/// What keys hold that were read; the others of a transaction are absent.
type Found<'a> = BTreeMap<Name<'a>, Item>;

/// A transaction that is being run, and has been checked.
pub(crate) struct Transaction<'a> {
    pub(crate) link: &'a Link,
    pub(crate) checks: &'a [Check],
    pub(crate) writes: &'a [Write],
}

/// What is sent, and what it does.
struct Plan<'a> {
    operations: Vec<TransactWriteItem>,
    /// The key of each operation.
    names: Vec<Name<'a>>,
    written: Vec<Written>,
}

/// How one attempt ended.
enum Attempt {
    Done(Vec<Written>),
    Stale(usize),
    /// A key is not as it was read, and it can be tried again, after it has read all keys.
    Lost,
    /// Another transaction has a key, or DynamoDB throttles.
    Busy,
}

// === impl Transaction ===

impl<'a> Transaction<'a> {
    pub(crate) async fn run(self) -> Result<Transacted> {
        let unmet = |check: &Check| Condition::expected(&check.expected).is_none();
        if let Some(at) = self.checks.iter().position(unmet) {
            return Ok(Transacted::Stale(at));
        }
        if self.checks.is_empty() && self.writes.is_empty() {
            return Ok(Transacted::Done(Vec::new()));
        }
        let mut reads = self.has_to_read();
        let mut attempts = Attempts::new(Duration::from_millis(100));
        loop {
            let found = if reads {
                Some(self.read().await?)
            } else {
                None
            };
            if let Some(at) = found.as_ref().and_then(|found| self.stale(found)) {
                return Ok(Transacted::Stale(at));
            }
            let plan = self.plan(found.as_ref())?;
            match self.attempt(plan).await? {
                Attempt::Done(written) => return Ok(Transacted::Done(written)),
                Attempt::Stale(at) => return Ok(Transacted::Stale(at)),
                Attempt::Lost | Attempt::Busy => reads = true,
            }
            attempts.lost().await?;
        }
    }

    /// Whether what it does depends on what is there, or one key has several checks.
    fn has_to_read(&self) -> bool {
        let depends = |write: &Write| !matches!(write.action, Action::Change(Change::Set(..)));
        let mut checked: Vec<Name<'_>> = self.checks.iter().map(of_check).collect();
        checked.sort_unstable();
        self.writes.iter().any(depends) || checked.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Reads the keys that are checked, counted on or deleted.
    async fn read(&self) -> Result<Found<'a>> {
        let counted = |write: &&Write| matches!(write.action, Action::Increment(_));
        let counters: Vec<Name<'a>> = self.writes.iter().filter(counted).map(of_write).collect();
        let is_deletion = |write: &&Write| matches!(write.action, Action::Change(Change::Delete));
        let deletes = self.writes.iter().filter(is_deletion).map(of_write);
        let mut others: Vec<Name<'a>> = self.checks.iter().map(of_check).chain(deletes).collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|name| !counters.contains(name));
        let mut found = Found::new();
        for (names, extent) in [(counters, Extent::Whole), (others, Extent::Version)] {
            let items = self.link.items(names.iter().copied(), extent).await?;
            let items = names.into_iter().zip(items);
            found.extend(items.filter_map(|(name, item)| Some((name, item?))));
        }
        Ok(found)
    }

    /// The first check that does not hold of what was read.
    fn stale(&self, found: &Found<'_>) -> Option<usize> {
        let stands = |check: &Check| stands(&check.expected, found.get(&of_check(check)));
        self.checks.iter().position(|check| !stands(check))
    }

    fn plan(&self, found: Option<&Found<'a>>) -> Result<Plan<'a>> {
        let mut plan = Plan {
            operations: Vec::new(),
            names: Vec::new(),
            written: Vec::new(),
        };
        // What each key that is only checked has to be.
        let mut conditions: BTreeMap<Name<'a>, Condition> = BTreeMap::new();
        for check in self.checks {
            if let Some(condition) = Condition::expected(&check.expected) {
                conditions.insert(of_check(check), condition);
            }
        }
        for write in self.writes {
            let name = of_write(write);
            let checked = conditions.remove(&name);
            let before = found.and_then(|found| found.get(&name));
            let (operation, written) = self.write(write, checked.as_ref(), before)?;
            plan.operations.push(operation);
            plan.names.push(name);
            plan.written.push(written);
        }
        for (name, condition) in conditions {
            plan.operations.push(self.checking(name, &condition)?);
            plan.names.push(name);
        }
        Ok(plan)
    }

    fn write(
        &self,
        write: &Write,
        checked: Option<&Condition>,
        before: Option<&Item>,
    ) -> Result<(TransactWriteItem, Written)> {
        let (table, name) = (&self.link.table, of_write(write));
        let (bucket, key) = name;
        let item = TransactWriteItem::builder();
        let as_read = Condition::unchanged(before);
        match &write.action {
            Action::Change(Change::Set(value, how)) => {
                let version = new_version();
                let ends = ending(*how)?;
                let put = written(bucket, key, value.clone(), &version, ends);
                let put = putting(table, put, checked)?;
                Ok((item.put(put).build(), Written::set(version)))
            }
            Action::Change(Change::Delete) if before.is_none() => {
                Ok((self.checking(name, &as_read)?, Written::deleted(false)))
            }
            Action::Change(Change::Delete) => {
                let delete = Delete::builder()
                    .table_name(table)
                    .set_key(Some(primary(bucket, key)))
                    .condition_expression(as_read.expression())
                    .set_expression_attribute_names(Some(as_read.names()))
                    .set_expression_attribute_values(Some(as_read.values()))
                    .return_values_on_condition_check_failure(ALL)
                    .build();
                let delete = delete.map_err(internal)?;
                Ok((item.delete(delete).build(), Written::deleted(true)))
            }
            Action::Increment(delta) => {
                let old = before.map(Item::value).transpose()?;
                let sum = counter::add(old.as_deref(), *delta)?;
                let (value, version) = (counter::text(sum), new_version());
                let operation = if before.is_some() {
                    item.update(self.updating(name, &as_read, value, &version)?)
                } else {
                    let put = written(bucket, key, value, &version, None);
                    item.put(putting(table, put, Some(&as_read))?)
                };
                Ok((operation.build(), Written::counted(version, sum)))
            }
        }
    }

    fn checking(
        &self,
        (bucket, key): Name<'_>,
        condition: &Condition,
    ) -> Result<TransactWriteItem> {
        let check = ConditionCheck::builder()
            .table_name(&self.link.table)
            .set_key(Some(primary(bucket, key)))
            .condition_expression(condition.expression())
            .set_expression_attribute_names(Some(condition.names()))
            .set_expression_attribute_values(Some(condition.values()))
            .return_values_on_condition_check_failure(ALL)
            .build();
        let check = check.map_err(internal)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    fn updating(
        &self,
        (bucket, key): Name<'_>,
        condition: &Condition,
        value: Bytes,
        version: &Version,
    ) -> Result<Update> {
        Update::builder()
            .table_name(&self.link.table)
            .set_key(Some(primary(bucket, key)))
            .update_expression(REPLACE)
            .condition_expression(condition.expression())
            .set_expression_attribute_names(Some(replace_names(condition)))
            .set_expression_attribute_values(Some(replace_values(condition, value, version)))
            .return_values_on_condition_check_failure(ALL)
            .build()
            .map_err(internal)
    }

    async fn attempt(&self, plan: Plan<'_>) -> Result<Attempt> {
        let request = self
            .link
            .client
            .transact_write_items()
            .set_transact_items(Some(plan.operations))
            .client_request_token(format!("{:032x}", rand::random::<u128>()));
        let deadline = self.link.deadline();
        let mut backoff = backoff();
        let mut doubt = None;
        loop {
            let send = || request.clone().send();
            let answered = self.link.settle(deadline, &mut doubt, send).await?;
            let Err(error) = answered else {
                return Ok(Attempt::Done(plan.written));
            };
            let attempt = self.refused(&plan.names, &error);
            let Some(doubt) = &doubt else {
                return attempt;
            };
            match attempt {
                Ok(Attempt::Busy) => backoff.pause().await,
                Ok(Attempt::Stale(at)) if self.checks[at].expected != Expected::Absent => {
                    return Ok(Attempt::Stale(at));
                }
                // The unanswered attempt may arrive later, when its conditions hold.
                _ => return Err(Error::Ambiguous(doubt.clone())),
            }
        }
    }

    /// What a refusal means where no attempt is in doubt.
    fn refused(&self, names: &[Name<'_>], error: &TransactWriteItemsError) -> Result<Attempt> {
        let TransactWriteItemsError::TransactionCanceledException(canceled) = error else {
            return Err(self.link.unexpected(error));
        };
        let reasons = names.iter().zip(canceled.cancellation_reasons());
        let mut stale = Vec::new();
        let mut attempt = Attempt::Busy;
        for (name, reason) in reasons {
            match reason.code.as_deref() {
                Some("ConditionalCheckFailed") => {
                    attempt = Attempt::Lost;
                    stale.extend(self.stale_check(*name, reason)?);
                }
                None
                | Some(
                    "None"
                    | "TransactionConflict"
                    | "ThrottlingError"
                    | "ProvisionedThroughputExceeded",
                ) => {}
                Some(code) => {
                    let message = reason.message.as_deref().unwrap_or_default();
                    let what = format!("DynamoDB cancels the transaction: {code}: {message}");
                    return Err(Error::Internal(what.into()));
                }
            }
        }
        Ok(stale.into_iter().min().map_or(attempt, Attempt::Stale))
    }

    /// The check of a key that does not hold of the item that DynamoDB found.
    fn stale_check(&self, name: Name<'_>, reason: &CancellationReason) -> Result<Option<usize>> {
        let found = reason
            .item
            .clone()
            .filter(|item: &Attributes| !item.is_empty());
        let found = found
            .map(Item::read)
            .transpose()?
            .and_then(|item| item.live(now()));
        let is_stale =
            |check: &Check| of_check(check) == name && !stands(&check.expected, found.as_ref());
        Ok(self.checks.iter().position(is_stale))
    }
}

const ALL: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(2), Duration::from_millis(100))
}

fn of_check(check: &Check) -> Name<'_> {
    (check.bucket.as_str(), &check.key)
}

fn of_write(write: &Write) -> Name<'_> {
    (write.bucket.as_str(), &write.key)
}

fn stands(expected: &Expected, found: Option<&Item>) -> bool {
    Condition::expected(expected).is_some_and(|condition| condition.stands(found))
}

fn putting(table: &str, item: Attributes, condition: Option<&Condition>) -> Result<Put> {
    let mut put = Put::builder().table_name(table).set_item(Some(item));
    if let Some(condition) = condition {
        put = put
            .condition_expression(condition.expression())
            .set_expression_attribute_names(Some(condition.names()))
            .set_expression_attribute_values(Some(condition.values()))
            .return_values_on_condition_check_failure(ALL);
    }
    put.build().map_err(internal)
}
