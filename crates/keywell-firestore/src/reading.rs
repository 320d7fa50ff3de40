//! Reads, which see every write that was acknowledged before they began.
//!
//! What has expired is hidden by the time at which the service reads.

use std::collections::HashMap;

use bytes::Bytes;
use keywell_store::backend::Reader;
use keywell_store::{Cursor, Entry, List, Page, Result, ValueBytes};

use crate::backing::Backing;
use crate::clock::Time;
use crate::document::{EXPIRES, entry, expiry, time, value};
use crate::link::Link;
use crate::names::{KEY_BYTES, Names};
use crate::rpc::fault::Fault;
use crate::rpc::messages::batch_get_documents_request::ConsistencySelector;
use crate::rpc::messages::batch_get_documents_response::Result as Outcome;
use crate::rpc::messages::run_query_request::QueryType;
use crate::rpc::messages::structured_query::{
    CollectionSelector, Direction, FieldReference, Order, Projection,
};
use crate::rpc::messages::value::ValueType;
use crate::rpc::messages::{
    BatchGetDocumentsRequest, BatchGetDocumentsResponse, Cursor as Bound, Document, DocumentMask,
    RunQueryRequest, RunQueryResponse, StructuredQuery, Value,
};

/// How many documents one request reads by their names, of up to 2.5 KiB.
pub(crate) const NAMED: usize = 300;

/// Which fields are read.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fields {
    All,
    /// That by which a key is known to be there.
    Expiry,
}

/// Documents that were read by their names.
#[derive(Default)]
pub(crate) struct Read {
    /// Each with the time at which it was read. What is absent is missing.
    pub(crate) found: HashMap<String, (Document, Time)>,
    /// The transaction that was started.
    pub(crate) transaction: Bytes,
    /// The last time of all.
    pub(crate) at: Time,
    /// The bytes of the values.
    bytes: usize,
}

/// A page that is being read.
#[derive(Default)]
struct Listed {
    page: Page,
    /// The id of the last document that was looked at, and how many were.
    last: Option<String>,
    count: usize,
    key_bytes: usize,
    value_bytes: usize,
    is_full: bool,
}

// === impl Read ===

impl Read {
    fn take(&mut self, response: BatchGetDocumentsResponse, max: usize) -> Result<bool> {
        if !response.transaction.is_empty() {
            self.transaction = response.transaction;
        }
        let at = response.read_time.as_ref().map_or(0, time);
        self.at = self.at.max(at);
        if let Some(Outcome::Found(document)) = response.result {
            self.bytes += value(&document).map_or(0, Bytes::len);
            ValueBytes::new(max).add(self.bytes)?;
            self.found.insert(document.name.clone(), (document, at));
        }
        Ok(true)
    }

    /// The entry of a document; none if it is absent or has expired.
    pub(crate) fn entry(&self, name: &str) -> Result<Option<Entry>> {
        match self.found.get(name) {
            Some((document, at)) => entry(document, *at),
            None => Ok(None),
        }
    }
}

// === impl Link ===

impl Link {
    /// Reads documents by their names, at most [`NAMED`], with values of at most `max` bytes
    /// together.
    pub(crate) async fn documents(
        &self,
        names: Vec<String>,
        fields: Fields,
        when: Option<ConsistencySelector>,
        max: usize,
    ) -> Result<Read, Fault> {
        let is_of_now = !matches!(when, Some(ConsistencySelector::ReadTime(_)));
        let request = BatchGetDocumentsRequest {
            database: self.database.clone(),
            documents: names,
            mask: (fields == Fields::Expiry).then(|| DocumentMask {
                field_paths: vec![EXPIRES.to_owned()],
            }),
            consistency_selector: when,
        };
        let read = self.gather(request, |read: &mut Read, response| {
            read.take(response, max)
        });
        let read = read.await?;
        if is_of_now {
            self.clock.saw(read.at);
        }
        Ok(read)
    }
}

// === impl Backing ===

impl Backing {
    /// Reads one document.
    pub(crate) async fn document(&self, name: &str, fields: Fields) -> Result<Read> {
        let names = vec![name.to_owned()];
        let read = self.link.documents(names, fields, None, usize::MAX);
        read.await.map_err(Fault::of_reading)
    }

    /// Puts a document on a page, if it has room.
    fn list_one(
        &self,
        listed: &mut Listed,
        response: RunQueryResponse,
        request: &List,
    ) -> Result<bool> {
        let Some(document) = response.document else {
            return Ok(true);
        };
        let at = response.read_time.as_ref().map_or(0, time);
        // Another program's document may have an id that is no key of ours.
        let key = self.names.key(&document.name);
        if let Some(key) = key.filter(|_| !has_expired(&document, at)) {
            let entry = request.values.map(|_| entry(&document, at)).transpose()?;
            let entry = entry.flatten();
            listed.key_bytes += key.len();
            listed.value_bytes += entry.as_ref().map_or(0, |entry| entry.value.len());
            let is_too_large = request.values.is_some_and(|max| listed.value_bytes > max);
            let keys = listed.page.keys.len();
            if keys > 0 && (is_too_large || request.is_full(keys, listed.key_bytes)) {
                listed.is_full = true;
                return Ok(false);
            }
            listed.page.keys.push(key);
            listed.page.entries.extend(entry);
        }
        listed.last = self.names.id(&document.name).map(str::to_owned);
        listed.count += 1;
        Ok(true)
    }

    /// A position in the order of names.
    fn bound(&self, id: &str, before: bool) -> Bound {
        let name = ValueType::ReferenceValue(self.names.name_of(id));
        Bound {
            values: vec![Value {
                value_type: Some(name),
            }],
            before,
        }
    }

    /// The collection of the bucket's keys.
    pub(crate) fn collection(&self) -> CollectionSelector {
        CollectionSelector {
            collection_id: self.names.collection.clone(),
            all_descendants: false,
        }
    }
}

impl Reader for Backing {
    async fn get(&self, key: &str, max: usize) -> Result<Option<Entry>> {
        let name = self.names.name(key);
        let entry = self.document(&name, Fields::All).await?.entry(&name)?;
        entry.map(|entry| entry.within(max)).transpose()
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let name = self.names.name(key);
        let read = self.document(&name, Fields::Expiry).await?;
        let found = read.found.get(&name);
        Ok(found.is_some_and(|(document, at)| !has_expired(document, *at)))
    }

    async fn get_many(&self, keys: Vec<String>, max: usize) -> Result<Vec<Option<Entry>>> {
        let mut entries = Vec::with_capacity(keys.len());
        let mut left = max;
        for part in keys.chunks(NAMED) {
            let names: Vec<_> = part.iter().map(|key| self.names.name(key)).collect();
            let read = self.link.documents(names.clone(), Fields::All, None, left);
            let read = read.await.map_err(Fault::of_reading)?;
            left = left.saturating_sub(read.bytes);
            for name in names {
                entries.push(read.entry(&name)?);
            }
        }
        Ok(entries)
    }

    /// A page of keys, as they are now. A cursor has the id of the last document of the page
    /// before.
    async fn page(&self, request: &List) -> Result<Page> {
        let (first, end) = Names::beginning_with(&request.prefix);
        let mut start = (!first.is_empty()).then(|| self.bound(&first, true));
        if let Some(cursor) = &request.cursor {
            let last = cursor.position(&self.scope, &request.prefix)?;
            let last = String::from_utf8_lossy(&last).into_owned();
            start = Some(self.bound(&last, false));
        }
        if request.prefix.len() > KEY_BYTES {
            // No key is as long, and the service takes no such position.
            return Ok(Page::default());
        }
        let limit = request.page_keys();
        let query = StructuredQuery {
            select: request.values.is_none().then(|| Projection {
                fields: vec![field(EXPIRES)],
            }),
            from: vec![self.collection()],
            order_by: vec![Order {
                field: Some(field("__name__")),
                direction: Direction::Ascending.into(),
            }],
            start_at: start,
            end_at: end.map(|end| self.bound(&end, true)),
            limit: i32::try_from(limit).ok(),
            ..StructuredQuery::default()
        };
        let query = RunQueryRequest {
            parent: self.names.parent.clone(),
            query_type: Some(QueryType::StructuredQuery(query)),
            ..RunQueryRequest::default()
        };
        let gathered = self.link.gather(query, |listed: &mut Listed, response| {
            self.list_one(listed, response, request)
        });
        let listed = gathered.await.map_err(Fault::of_reading)?;
        let mut page = listed.page;
        let last = listed
            .last
            .filter(|_| listed.is_full || listed.count >= limit);
        page.cursor = last.map(|last| Cursor::seal(&self.scope, &request.prefix, last.as_bytes()));
        Ok(page)
    }

    fn scope(&self) -> &str {
        &self.scope
    }
}

fn field(path: &str) -> FieldReference {
    FieldReference {
        field_path: path.to_owned(),
    }
}

pub(crate) fn has_expired(document: &Document, at: Time) -> bool {
    expiry(document).is_some_and(|end| end <= at)
}
