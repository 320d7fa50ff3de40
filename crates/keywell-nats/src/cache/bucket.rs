use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Cursor, Durability, Entry, Error, Expires, Invalid,
    List, Listing, MAX_PAGE_BYTES, Page, Promptness, Result, Set, Version,
};

use super::key;
use super::node::Node;
use super::shown::Values;

/// A bucket of a replicated cache.
pub(super) struct CacheBucket {
    node: Arc<Node>,
    values: Arc<Values>,
    /// What its keys begin with in the cache.
    prefix: String,
}

// === impl CacheBucket ===

impl CacheBucket {
    pub(super) fn new(node: Arc<Node>, name: &BucketName) -> Self {
        Self {
            values: node.values(name.as_str()),
            prefix: key::prefix(name),
            node,
        }
    }

    fn key(&self, key: &str) -> String {
        let mut full = String::with_capacity(self.prefix.len() + key.len());
        full.push_str(&self.prefix);
        full.push_str(key);
        full
    }

    fn check(&self, key: &str, value: &[u8], how: Set) -> Result<()> {
        if how.ttl.is_some() {
            return Err(Error::Unsupported("a time to live"));
        }
        self.capabilities().check(key, value)
    }

    fn page(&self, request: &List) -> Result<Page> {
        let scope = &*self.prefix;
        let after = match &request.cursor {
            None => None,
            Some(cursor) => {
                let position = cursor.position(scope, &request.prefix)?;
                let position = String::from_utf8(position);
                let position = position.map_err(|_| Error::Invalid(Invalid::Cursor))?;
                Some(self.key(&position))
            }
        };
        let seal = |last: &str| Cursor::seal(scope, &request.prefix, last.as_bytes());
        let prefix = self.key(&request.prefix);
        let most = request.page_keys();
        let mut bytes = 0;
        let mut cursor = None;
        let listed = self.node.read(|replica| {
            let mut listed: Vec<(String, Option<Entry>)> = Vec::new();
            for (full, entry) in replica.entries_from(&prefix, after.as_deref()) {
                let key = &full[self.prefix.len()..];
                bytes += key.len();
                if listed.len() == most || (bytes > MAX_PAGE_BYTES && !listed.is_empty()) {
                    cursor = listed.last().map(|(last, _)| seal(last));
                    break;
                }
                let value = request.values.and_then(|_| entry.value());
                let value = value.map(|value| entry_of(value, replica.fingerprint(full)));
                listed.push((key.to_owned(), value));
            }
            listed
        });
        Ok(match request.values {
            None => Page {
                keys: listed.into_iter().map(|(key, _)| key).collect(),
                cursor,
                ..Page::default()
            },
            Some(max) => Page::of_entries(listed, cursor, max, seal),
        })
    }
}

fn entry_of(value: Bytes, version: u64) -> Entry {
    Entry {
        value,
        version: Version::from(version),
        expires: Expires::Never,
    }
}

impl Bucket for CacheBucket {
    fn capabilities(&self) -> Capabilities {
        let usual = Capabilities::default();
        Capabilities {
            promptness: Promptness::AtOnce,
            increment: true,
            list: Listing::Ordered,
            durability: Durability::Volatile,
            value_bytes: usual.value_bytes.min(self.node.largest),
            ..usual
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let value = self.values.get(key);
        let entry = value.map(|(value, version)| entry_of(value, version).within(max));
        entry.transpose().into()
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        if let Err(error) = self.check(key, &value, how) {
            return error.into();
        }
        let key = self.key(key);
        let version = self.node.write(|replica, now| {
            let effects = replica.set(&key, value, now);
            Ok((Version::from(replica.fingerprint(&key)), effects))
        });
        version.into()
    }

    fn delete(&self, key: &str) -> Answer<()> {
        let key = self.key(key);
        let deleted = self.node.write(|replica, _| Ok(((), replica.delete(&key))));
        deleted.into()
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        if let Err(error) = self.check(key, &[], created) {
            return error.into();
        }
        let key = self.key(key);
        let sum = self
            .node
            .write(|replica, now| replica.increment(&key, delta, now));
        sum.into()
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.page(&request).into()
    }
}
