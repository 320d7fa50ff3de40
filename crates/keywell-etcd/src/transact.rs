//! Transactions over the keys of all buckets, each one transaction of etcd.
//!
//! The keys are read first, at one revision. Those that are checked, counted on or deleted then have
//! to be as they were read; if one is not, all are read again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use keywell_client::Attempts;
use keywell_store::backend::Named;
use keywell_store::{
    Action, BucketName, Change, Check, Expected, Result, Transacted, Write, Written, counter,
};

use crate::backing::Backing;
use crate::lease::Leases;
use crate::link::Link;
use crate::rpc::messages::{KeyValue, PutRequest, RequestOp, TxnRequest};
use crate::txn;

/// A transaction that is being run, and has been checked.
pub(crate) struct Transaction<'a> {
    pub(crate) link: &'a Link,
    pub(crate) leases: &'a Leases,
    pub(crate) buckets: &'a Named<Backing>,
    pub(crate) checks: &'a [Check],
    pub(crate) writes: &'a [Write],
}

/// What the keys of a transaction hold, by their names.
type Found = BTreeMap<Bytes, KeyValue>;

/// What is sent, and what it does.
struct Plan {
    request: TxnRequest,
    /// What each write does, but for the versions.
    written: Vec<Outcome>,
    /// The leases that no key has any longer afterwards.
    replaced: Vec<i64>,
}

#[derive(Clone, Copy)]
enum Outcome {
    Set,
    Counted(i64),
    Deleted(bool),
}

// === impl Transaction ===

impl Transaction<'_> {
    fn name(&self, bucket: &BucketName, key: &str) -> Bytes {
        self.buckets[bucket].names.name(key)
    }

    pub(crate) async fn run(self) -> Result<Transacted> {
        let mut leases = Vec::new();
        let outcome = self.run_with(&mut leases).await;
        let is_unwritten = match &outcome {
            Ok(Transacted::Done(_)) => false,
            Ok(Transacted::Stale(_)) => true,
            Err(error) => error.nothing_happened(),
        };
        if is_unwritten {
            for lease in leases {
                self.leases.give_back(lease);
            }
        }
        outcome
    }

    /// Runs it with leases that are granted at the first attempt, one for each write or 0.
    async fn run_with(&self, leases: &mut Vec<i64>) -> Result<Transacted> {
        let mut attempts = Attempts::new(Duration::from_millis(50));
        loop {
            let found = self.read().await?;
            let stands = |check: &Check| {
                let found = found.get(&self.name(&check.bucket, &check.key));
                match (&check.expected, found) {
                    (Expected::Absent, None) => true,
                    (Expected::At(version), Some(found)) => {
                        txn::revision(version) == Some(found.mod_revision)
                    }
                    _ => false,
                }
            };
            if let Some(at) = self.checks.iter().position(|check| !stands(check)) {
                return Ok(Transacted::Stale(at));
            }
            for write in &self.writes[leases.len()..] {
                let how = match &write.action {
                    Action::Change(Change::Set(_, how)) => *how,
                    _ => keywell_store::Set::default(),
                };
                leases.push(self.leases.grant(how).await?);
            }
            let plan = self.plan(&found, leases)?;
            let answer = self.link.write(plan.request).await?;
            if answer.succeeded {
                for lease in plan.replaced {
                    self.leases.give_back(lease);
                }
                let each = plan.written.into_iter();
                let written = each.map(|outcome| {
                    Ok(match outcome {
                        Outcome::Set => Written::set(answer.version()?),
                        Outcome::Counted(counter) => Written::counted(answer.version()?, counter),
                        Outcome::Deleted(was_there) => Written::deleted(was_there),
                    })
                });
                return Ok(Transacted::Done(written.collect::<Result<_>>()?));
            }
            attempts.lost().await?;
        }
    }

    /// Reads all keys at one revision, and the values of counters.
    async fn read(&self) -> Result<Found> {
        let mut names: BTreeMap<Bytes, bool> = BTreeMap::new();
        for check in self.checks {
            names.insert(self.name(&check.bucket, &check.key), false);
        }
        for write in self.writes {
            let is_counter = matches!(write.action, Action::Increment(_));
            names.insert(self.name(&write.bucket, &write.key), is_counter);
        }
        let reads = names.iter().map(|(name, is_counter)| {
            txn::reading(if *is_counter {
                txn::read(name)
            } else {
                txn::look(name)
            })
        });
        let reads = TxnRequest::when(Vec::new(), reads.collect());
        let answer = self.link.read(reads).await?;
        let found = names.into_keys().zip(answer.read());
        let found = found.filter_map(|(name, found)| Some((name, found?.clone())));
        Ok(found.collect())
    }

    fn plan(&self, found: &Found, leases: &[i64]) -> Result<Plan> {
        let mut guarded: BTreeSet<Bytes> = self
            .checks
            .iter()
            .map(|check| self.name(&check.bucket, &check.key))
            .collect();
        let mut marked: BTreeSet<&BucketName> = BTreeSet::new();
        let mut writes: Vec<RequestOp> = Vec::new();
        let mut written = Vec::new();
        let mut replaced = Vec::new();
        for (write, lease) in self.writes.iter().zip(leases) {
            let name = self.name(&write.bucket, &write.key);
            let before = found.get(&name);
            match &write.action {
                Action::Change(Change::Set(value, _)) => {
                    writes.push(txn::put(&name, value.clone(), *lease));
                    replaced.extend(before.map(|before| before.lease));
                    written.push(Outcome::Set);
                }
                Action::Change(Change::Delete) => {
                    if let Some(before) = before {
                        if marked.insert(&write.bucket) {
                            writes.insert(0, self.buckets[&write.bucket].marking());
                        }
                        writes.push(txn::delete(&name));
                        replaced.push(before.lease);
                    }
                    written.push(Outcome::Deleted(before.is_some()));
                    guarded.insert(name);
                }
                Action::Increment(delta) => {
                    let sum = counter::add(before.map(|before| &before.value[..]), *delta)?;
                    writes.push(txn::putting(PutRequest {
                        key: name.clone(),
                        value: counter::text(sum),
                        ignore_lease: before.is_some(),
                        ..PutRequest::default()
                    }));
                    written.push(Outcome::Counted(sum));
                    guarded.insert(name);
                }
            }
        }
        let compare = guarded.iter().map(|name| {
            let revision = found.get(name).map_or(0, |found| found.mod_revision);
            txn::is_at(name, revision)
        });
        Ok(Plan {
            request: TxnRequest::when(compare.collect(), writes),
            written,
            replaced,
        })
    }
}
