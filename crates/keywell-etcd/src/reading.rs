//! Reads, which are linearizable: they see every write that was acknowledged before they began.

use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use keywell_store::backend::Reader;
use keywell_store::{Cursor, Entry, Expires, List, MAX_PAGE_BYTES, Page, Result, ValueBytes};

use crate::backing::{Backing, VALUE_BYTES, entry};
use crate::names::next;
use crate::rpc::messages::{KeyValue, RangeRequest, TxnRequest};
use crate::txn;

/// How many keys one request reads: fewer, where the caller can hold less.
const FEWEST: usize = 8;
const MOST: usize = 64;
/// How many leases are asked about at the same time.
const IN_FLIGHT: usize = 16;

// === impl Backing ===

impl Backing {
    /// What keys hold.
    async fn found(&self, keys: &[String], max: usize) -> Result<Vec<Option<KeyValue>>> {
        let mut bytes = ValueBytes::new(max);
        let mut all = Vec::with_capacity(keys.len());
        let mut left = max;
        while all.len() < keys.len() {
            let count = (left / VALUE_BYTES).clamp(FEWEST, MOST);
            let part = keys[all.len()..].iter().take(count);
            let reads = part
                .clone()
                .map(|key| txn::reading(txn::read(&self.names.name(key))));
            let answer = TxnRequest::when(Vec::new(), reads.collect());
            let answer = self.link.read(answer).await?;
            let mut found = answer.read();
            for _ in part {
                let found = found.next().flatten();
                let length = found.map_or(0, |found| found.value.len());
                bytes.add(length)?;
                left = left.saturating_sub(length);
                all.push(found.cloned());
            }
        }
        Ok(all)
    }

    /// The entry of a key that was read, with what is left of its time.
    async fn with_expiry(&self, found: Option<KeyValue>) -> Result<Option<Entry>> {
        let Some(found) = found else { return Ok(None) };
        let lease = found.lease;
        let mut entry = entry(found)?;
        if lease != 0 {
            // A lease that has ended takes its key along.
            let Some(left) = self.leases.left(lease).await? else {
                return Ok(None);
            };
            entry.expires = Expires::In(Duration::from_secs(left));
        }
        Ok(Some(entry))
    }
}

impl Reader for Backing {
    async fn get(&self, key: &str, max: usize) -> Result<Option<Entry>> {
        let found = self.link.read(txn::read(&self.names.name(key))).await?;
        let found = found.kvs.into_iter().next();
        found.map(|found| entry(found)?.within(max)).transpose()
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let found = self.link.read(txn::look(&self.names.name(key))).await?;
        Ok(!found.kvs.is_empty())
    }

    async fn get_many(&self, keys: Vec<String>, max: usize) -> Result<Vec<Option<Entry>>> {
        let found = self.found(&keys, max).await?;
        let found = found.into_iter();
        found.map(|found| found.map(entry).transpose()).collect()
    }

    async fn get_with_expiry(&self, keys: Vec<String>, max: usize) -> Result<Vec<Option<Entry>>> {
        let found = self.found(&keys, max).await?;
        let found = found.into_iter();
        let entries: Vec<_> = found.map(|found| self.with_expiry(found)).collect();
        let entries = stream::iter(entries).buffered(IN_FLIGHT);
        entries.try_collect().await
    }

    /// A page of keys, as they are now. A cursor has the last key of the page before: the revision
    /// at which a listing began may not be kept for as long as the listing takes.
    async fn page(&self, request: &List) -> Result<Page> {
        let (mut first, end) = if request.prefix.is_empty() {
            self.names.keys()
        } else {
            self.names.beginning_with(&request.prefix)
        };
        if let Some(cursor) = &request.cursor {
            let last = cursor.position(&self.scope, &request.prefix)?;
            first = first.max(next(&[&self.names.marker()[..], &last].concat()));
        }
        let limit = request.page_keys();
        let range = RangeRequest {
            key: first,
            range_end: end,
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            keys_only: true,
            revision: 0,
        };
        let answer = self.link.read(range).await?;
        let mut has_more = answer.more;
        let mut keys: Vec<String> = Vec::with_capacity(answer.kvs.len());
        let mut last = None;
        let mut bytes = 0;
        for found in answer.kvs {
            bytes += found.key.len();
            if bytes > MAX_PAGE_BYTES && last.is_some() {
                has_more = true;
                break;
            }
            // What another program wrote need not be UTF-8, and is no key of ours.
            keys.extend(self.names.key(&found.key));
            last = Some(found.key);
        }
        let cursor = last.filter(|_| has_more).map(|last| {
            let position = &last[self.names.marker().len()..];
            Cursor::seal(&self.scope, &request.prefix, position)
        });
        Ok(Page {
            cursor,
            keys,
            ..Page::default()
        })
    }

    fn scope(&self) -> &str {
        &self.scope
    }
}
