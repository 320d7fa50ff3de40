//! Transactions over the keys of all buckets, each one transaction of Firestore.
//!
//! The keys that are checked, counted on or deleted are read in it. The service commits it only if
//! they are still as they were read; else all are read again. Keys that are set are not read.

use std::collections::BTreeSet;

use bytes::Bytes;
use keywell_store::backend::Named;
use keywell_store::{
    Action, BucketName, Change, Check, Expected, Result, Transacted, Write as Wanted, Written,
    counter,
};

use crate::backing::Backing;
use crate::clock::Time;
use crate::document::{document, end};
use crate::link::Link;
use crate::reading::{Fields, NAMED, Read};
use crate::rpc::fault::Fault;
use crate::rpc::messages::batch_get_documents_request::ConsistencySelector;
use crate::rpc::messages::transaction_options::{Mode, ReadWrite};
use crate::rpc::messages::write::Operation;
use crate::rpc::messages::{CommitResponse, RollbackRequest, TransactionOptions, Write};
use crate::writing::{attempts, stamp, version, write};

/// A transaction that is being run, and has been checked.
pub(crate) struct Transaction<'a> {
    pub(crate) link: &'a Link,
    pub(crate) buckets: &'a Named<Backing>,
    pub(crate) checks: &'a [Check],
    pub(crate) writes: &'a [Wanted],
}

/// What is committed, and what each write does.
#[derive(Default)]
struct Plan {
    writes: Vec<Write>,
    outcomes: Vec<Outcome>,
}

enum Outcome {
    /// By the write at this place of the commit.
    Set(usize, Option<Time>),
    Counted(usize, Option<Time>, i64),
    Deleted(bool),
}

/// What follows from what was read.
enum Decision {
    Commit(Plan),
    Stale(usize),
}

// === impl Transaction ===

impl Transaction<'_> {
    fn name(&self, bucket: &BucketName, key: &str) -> String {
        self.buckets[bucket].names.name(key)
    }

    pub(crate) async fn run(self) -> Result<Transacted> {
        let mut attempts = attempts();
        let mut earlier = Bytes::new();
        loop {
            let mut read = Read::default();
            match self.read(&earlier, &mut read).await {
                Ok(()) => {}
                Err(Fault::Stale(failure) | Fault::Contended(failure)) => {
                    tracing::debug!("a transaction is read again: {failure}");
                    self.roll_back(&read.transaction).await;
                    self.link.probe().await?;
                    attempts.lost().await?;
                    continue;
                }
                Err(fault) => {
                    self.roll_back(&read.transaction).await;
                    return Err(fault.of_reading());
                }
            }
            let plan = match self.decide(&read) {
                Ok(Decision::Commit(plan)) => plan,
                Ok(Decision::Stale(at)) => {
                    self.roll_back(&read.transaction).await;
                    return Ok(Transacted::Stale(at));
                }
                Err(error) => {
                    self.roll_back(&read.transaction).await;
                    return Err(error);
                }
            };
            earlier = read.transaction.clone();
            let committed = self.link.commit(plan.writes, read.transaction).await?;
            if let Some(committed) = committed {
                return written(&plan.outcomes, &committed);
            }
            attempts.lost().await?;
        }
    }

    /// Reads the keys on which the outcome depends, in a transaction that the first read starts.
    async fn read(&self, earlier: &Bytes, read: &mut Read) -> Result<(), Fault> {
        let mut counted = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for check in self.checks {
            seen.insert(self.name(&check.bucket, &check.key));
        }
        for write in self.writes {
            let name = self.name(&write.bucket, &write.key);
            match write.action {
                Action::Increment(_) => counted.insert(name),
                Action::Change(Change::Delete) => seen.insert(name),
                Action::Change(Change::Set(..)) => false,
            };
        }
        let seen: Vec<String> = seen.difference(&counted).cloned().collect();
        let counted: Vec<String> = counted.into_iter().collect();
        for (names, fields) in [(seen, Fields::Expiry), (counted, Fields::All)] {
            for part in names.chunks(NAMED) {
                let when = if read.transaction.is_empty() {
                    ConsistencySelector::NewTransaction(TransactionOptions {
                        mode: Some(Mode::ReadWrite(ReadWrite {
                            retry_transaction: earlier.clone(),
                        })),
                    })
                } else {
                    ConsistencySelector::Transaction(read.transaction.clone())
                };
                let documents = self
                    .link
                    .documents(part.to_vec(), fields, Some(when), usize::MAX);
                let documents = documents.await?;
                if read.transaction.is_empty() {
                    read.transaction = documents.transaction;
                }
                read.at = read.at.max(documents.at);
                read.found.extend(documents.found);
            }
        }
        Ok(())
    }

    fn decide(&self, read: &Read) -> Result<Decision> {
        for (at, check) in self.checks.iter().enumerate() {
            let there = stamp(read, &self.name(&check.bucket, &check.key))?;
            let there = there.filter(|there| !there.is_over(read.at));
            let stands = match (&check.expected, there) {
                (Expected::Absent, there) => there.is_none(),
                (Expected::At(version), Some(there)) => there.version() == *version,
                (Expected::At(_), None) => false,
            };
            if !stands {
                return Ok(Decision::Stale(at));
            }
        }
        let mut plan = Plan::default();
        for wanted in self.writes {
            let name = self.name(&wanted.bucket, &wanted.key);
            let at = plan.writes.len();
            match &wanted.action {
                Action::Change(Change::Set(value, how)) => {
                    let expires = end(*how, self.link.clock.now())?;
                    plan.update(name, value.clone(), expires);
                    plan.outcomes.push(Outcome::Set(at, expires));
                }
                Action::Change(Change::Delete) => {
                    let there = stamp(read, &name)?;
                    let was_there = there.is_some_and(|there| !there.is_over(read.at));
                    if there.is_some() {
                        plan.writes.push(write(Operation::Delete(name), None));
                    }
                    plan.outcomes.push(Outcome::Deleted(was_there));
                }
                Action::Increment(delta) => {
                    let there = read.entry(&name)?;
                    let sum = counter::add(there.as_ref().map(|it| &it.value[..]), *delta)?;
                    let expires = match there {
                        Some(_) => stamp(read, &name)?.and_then(|there| there.expires),
                        None => None,
                    };
                    plan.update(name, counter::text(sum), expires);
                    plan.outcomes.push(Outcome::Counted(at, expires, sum));
                }
            }
        }
        Ok(Decision::Commit(plan))
    }

    /// Releases what a transaction has locked. Where that fails, the service does it after a
    /// minute.
    async fn roll_back(&self, transaction: &Bytes) {
        if transaction.is_empty() {
            return;
        }
        let request = RollbackRequest {
            database: self.link.database.clone(),
            transaction: transaction.clone(),
        };
        if let Err(error) = self.link.read(request).await {
            tracing::debug!("a transaction is not rolled back: {error}");
        }
    }
}

// === impl Plan ===

impl Plan {
    fn update(&mut self, name: String, value: Bytes, expires: Option<Time>) {
        let written = document(name, value, expires);
        self.writes.push(write(Operation::Update(written), None));
    }
}

fn written(outcomes: &[Outcome], committed: &CommitResponse) -> Result<Transacted> {
    let each = outcomes.iter().map(|outcome| {
        Ok(match outcome {
            Outcome::Set(at, expires) => Written::set(version(committed, *at, *expires)?),
            Outcome::Counted(at, expires, sum) => {
                Written::counted(version(committed, *at, *expires)?, *sum)
            }
            Outcome::Deleted(was_there) => Written::deleted(*was_there),
        })
    });
    each.collect::<Result<_>>().map(Transacted::Done)
}
