//! Writes, each one request that is sent once: a transaction, or a put where that is enough.
//!
//! A deletion writes the bucket's marker in the same transaction, so that a watch can distinguish it from
//! the end of a lease.

use std::time::Duration;

use bytes::Bytes;
use keywell_client::Attempts;
use keywell_store::backend::Writer;
use keywell_store::{Change, Error, Expected, Result, Set, Swap, Version, counter};

use crate::backing::{Backing, OPERATIONS, TRANSACTION_BYTES};
use crate::rpc::Call;
use crate::rpc::messages::{KeyValue, PutRequest, RequestOp, TxnRequest, TxnResponse};
use crate::txn;

/// A value up to so many bytes is set by a put, which answers the value that was there, too: etcd 3.4
/// makes a copy of what it has yet to write to its file for each transaction. The transaction is for
/// large values, whose predecessors are not worth their way here.
const PUT_BYTES: usize = 16 << 10;

// === impl Backing ===

impl Writer for Backing {
    async fn set(&self, key: &str, value: Bytes, how: Set) -> Result<Version> {
        let name = self.names.name(key);
        let lease = self.leases.grant(how).await?;
        // The lease that the key had is needed no longer.
        if value.len() <= PUT_BYTES {
            let put = PutRequest {
                key: name,
                value,
                lease,
                prev_kv: true,
                ..PutRequest::default()
            };
            let answer = self.write(put, lease).await?;
            let before = answer.prev_kv.map_or(0, |before| before.lease);
            self.leases.give_back(before);
            return txn::version(answer.header.map_or(0, |header| header.revision));
        }
        let writes = vec![
            txn::reading(txn::look(&name)),
            txn::put(&name, value, lease),
        ];
        let request = TxnRequest::when(Vec::new(), writes);
        let answer = self.write(request, lease).await?;
        self.replaced(&answer);
        answer.version()
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let name = self.names.name(key);
        let mut deletes = deleting([&name]);
        deletes.insert(0, self.marking());
        let request = TxnRequest::when(vec![txn::is_there(&name)], deletes);
        let answer = self.write(request, 0).await?;
        self.replaced(&answer);
        Ok(())
    }

    async fn swap(&self, key: &str, expected: Expected, change: Change) -> Result<Swap> {
        let name = self.names.name(key);
        let revision = match &expected {
            Expected::Absent => 0,
            Expected::At(version) => match txn::revision(version) {
                Some(revision) => revision,
                None => return Ok(Swap::Stale),
            },
        };
        let is_there = revision != 0;
        let is_deletion = matches!(change, Change::Delete);
        let mut lease = 0;
        let writes = match change {
            Change::Delete if is_there => {
                let mut deletes = deleting([&name]);
                deletes.insert(0, self.marking());
                deletes
            }
            Change::Delete => Vec::new(),
            Change::Set(value, how) => {
                lease = self.leases.grant(how).await?;
                let put = txn::put(&name, value, lease);
                if is_there {
                    vec![txn::reading(txn::look(&name)), put]
                } else {
                    vec![put]
                }
            }
        };
        let request = TxnRequest::when(vec![txn::is_at(&name, revision)], writes);
        let answer = self.write(request, lease).await?;
        if !answer.succeeded {
            self.leases.give_back(lease);
            return Ok(Swap::Stale);
        }
        self.replaced(&answer);
        let version = (!is_deletion).then(|| answer.version()).transpose()?;
        Ok(Swap::Done(version))
    }

    async fn increment(&self, key: &str, delta: i64, created: Set) -> Result<i64> {
        let _turn = self.counters.turn_to_increment(key, "etcd").await?;
        let mut lease = 0;
        let counted = self.count_up(key, delta, created, &mut lease).await;
        if counted.as_ref().is_err_and(Error::nothing_happened) {
            self.leases.give_back(lease);
        }
        counted
    }

    /// In as few transactions as etcd takes.
    async fn set_many(&self, entries: Vec<(String, Bytes)>) -> Result<()> {
        let mut entries = entries.into_iter().peekable();
        let mut is_partial = false;
        while entries.peek().is_some() {
            let mut writes = Vec::new();
            let mut bytes = 0;
            while let Some((key, value)) = entries.next_if(|(key, value)| {
                bytes += key.len() + value.len();
                let is_full = writes.len() == 2 * OPERATIONS || bytes > TRANSACTION_BYTES;
                !is_full || writes.is_empty()
            }) {
                let name = self.names.name(&key);
                writes.push(txn::reading(txn::look(&name)));
                writes.push(txn::put(&name, value, 0));
            }
            self.write_part(writes, &mut is_partial).await?;
        }
        Ok(())
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<()> {
        let mut is_partial = false;
        for part in keys.chunks(OPERATIONS - 1) {
            let names: Vec<_> = part.iter().map(|key| self.names.name(key)).collect();
            let mut writes = deleting(&names);
            writes.insert(0, self.marking());
            self.write_part(writes, &mut is_partial).await?;
        }
        Ok(())
    }
}

impl Backing {
    async fn count_up(&self, key: &str, delta: i64, created: Set, lease: &mut i64) -> Result<i64> {
        let name = self.names.name(key);
        let read = self.link.read(txn::read(&name)).await?;
        let mut found: Option<KeyValue> = read.kvs.into_iter().next();
        let mut attempts = Attempts::new(Duration::from_millis(50));
        loop {
            let old = found.as_ref().map(|found| &found.value[..]);
            let sum = counter::add(old, delta)?;
            if found.is_none() && *lease == 0 {
                *lease = self.leases.grant(created).await?;
            }
            let put = PutRequest {
                key: name.clone(),
                value: counter::text(sum),
                // The time of a counter that is there goes on.
                ignore_lease: found.is_some(),
                lease: if found.is_some() { 0 } else { *lease },
                ..PutRequest::default()
            };
            let revision = found.as_ref().map_or(0, |found| found.mod_revision);
            let request =
                TxnRequest::when(vec![txn::is_at(&name, revision)], vec![txn::putting(put)])
                    .otherwise(vec![txn::reading(txn::read(&name))]);
            let answer = self.link.write(request).await?;
            if answer.succeeded {
                if found.is_some() {
                    self.leases.give_back(*lease);
                }
                return Ok(sum);
            }
            found = answer.read().next().flatten().cloned();
            attempts.lost().await?;
        }
    }

    /// Writes a part of a batch.
    async fn write_part(&self, writes: Vec<RequestOp>, is_partial: &mut bool) -> Result<()> {
        let written = self.write(TxnRequest::when(Vec::new(), writes), 0).await;
        let answer = written.map_err(|error| {
            if *is_partial {
                error.of_a_part()
            } else {
                error
            }
        })?;
        *is_partial = true;
        self.replaced(&answer);
        Ok(())
    }

    /// The operation that marks a deletion. It comes first, so that a watch sees it first.
    pub(crate) fn marking(&self) -> RequestOp {
        txn::put(&self.names.marker(), Bytes::new(), 0)
    }

    /// Writes something that may need a lease.
    async fn write<C: Call>(&self, request: C, lease: i64) -> Result<C::Response> {
        let written = self.link.write(request).await;
        if written.as_ref().is_err_and(Error::nothing_happened) {
            self.leases.give_back(lease);
        }
        written
    }

    /// Gives back the leases of keys that were written or deleted.
    fn replaced(&self, answer: &TxnResponse) {
        for lease in answer.leases() {
            self.leases.give_back(lease);
        }
    }
}

/// The operations that delete keys, and read which leases they had.
fn deleting<'a>(names: impl IntoIterator<Item = &'a Bytes>) -> Vec<RequestOp> {
    let each = names.into_iter();
    each.flat_map(|name| [txn::reading(txn::look(name)), txn::delete(name)])
        .collect()
}
