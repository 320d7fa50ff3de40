use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Collect, Collected, Cursor, Durability, Entry, Error,
    Expires, Invalid, Kind, List, Listing, Page, Promptness, Result, Set, Version,
};

use super::collecting;
use super::key;
use super::node::Node;
use super::replica::collections;
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

    /// The kind of collection that a key holds, if it holds one and no value.
    fn collection(&self, key: &str) -> Option<Kind> {
        // Most caches have none, and then this takes no lock.
        if !self.node.has_collections() {
            return None;
        }
        let key = self.key(key);
        let kind = self.node.read(|replica| collections::kind(replica, &key));
        kind.filter(|kind| *kind != Kind::Value)
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
        let mut bytes = 0;
        let mut cursor = None;
        let listed = self.node.read(|replica| {
            let mut listed: Vec<(String, Option<Entry>)> = Vec::new();
            for (full, entry) in replica.all_from(&prefix, after.as_deref()) {
                let key = &full[self.prefix.len()..];
                bytes += key.len();
                if request.is_full(listed.len(), bytes) {
                    cursor = listed.last().map(|(last, _)| seal(last));
                    break;
                }
                let value = match (request.values, entry) {
                    (None, _) => None,
                    (Some(_), Some(entry)) => entry.value(),
                    // It has no value that a page could have.
                    (Some(_), None) => {
                        collections::expect(replica, full, Kind::Value)?;
                        None
                    }
                };
                let value = value.map(|value| entry_of(value, replica.fingerprint(full)));
                listed.push((key.to_owned(), value));
            }
            Ok::<_, Error>(listed)
        })?;
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
            collections: true,
            list: Listing::Ordered,
            durability: Durability::Volatile,
            reads: keywell_store::Reads::OwnWrites,
            value_bytes: usual.value_bytes.min(self.node.largest),
            ..usual
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let value = self.values.get(key);
        if value.is_none()
            && let Some(kind) = self.collection(key)
        {
            return Error::Invalid(Invalid::Kind(kind)).into();
        }
        let entry = value.map(|(value, version)| entry_of(value, version).within(max));
        entry.transpose().into()
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        Answer::now(self.values.get(key).is_some() || self.collection(key).is_some())
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        if let Err(error) = self.check(key, &value, how) {
            return error.into();
        }
        let key = self.key(key);
        let version = self.node.write(|replica, now| {
            let (_, mut effects) = collections::drop_all(replica, &key);
            effects.extend(replica.set(&key, value, now));
            Ok((Version::from(replica.fingerprint(&key)), effects))
        });
        version.into()
    }

    fn delete(&self, key: &str) -> Answer<()> {
        let key = self.key(key);
        let deleted = self.node.write(|replica, _| {
            let (_, mut effects) = collections::drop_all(replica, &key);
            effects.extend(replica.delete(&key));
            Ok(((), effects))
        });
        deleted.into()
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        if let Err(error) = self.check(key, &[], created) {
            return error.into();
        }
        let key = self.key(key);
        let sum = self.node.write(|replica, now| {
            collections::expect(replica, &key, Kind::Value)?;
            replica.increment(&key, delta, now)
        });
        sum.into()
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.page(&request).into()
    }

    fn collect(&self, mut operation: Collect) -> Answer<Collected> {
        let declared = self.capabilities();
        if operation.writes() {
            let mut keys = operation.keys().iter();
            if let Err(error) = keys.try_for_each(|key| declared.limits().check_length(key)) {
                return error.into();
            }
        }
        for key in operation.keys_mut() {
            *key = self.key(key);
        }
        collecting::collect(&self.node, &declared, operation).into()
    }
}
