use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Cursor, Durability, Entry, Error, Expires, List,
    Listing, MAX_PAGE_BYTES, Page, Promptness, Result, Set, Version,
};

use super::node::Node;

/// A bucket of a replicated cache.
pub(super) struct CacheBucket {
    node: Arc<Node>,
    /// What its keys begin with in the cache. No bucket's name has a zero in it.
    prefix: String,
}

/// The zero that ends the name of a bucket.
pub(super) const END: char = '\0';

// === impl CacheBucket ===

impl CacheBucket {
    pub(super) fn new(node: Arc<Node>, name: &BucketName) -> Self {
        Self {
            node,
            prefix: format!("{}{END}", name.as_str()),
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
                Some(position.map_err(|_| Error::Invalid(keywell_store::Invalid::Cursor))?)
            }
        };
        let prefix = self.key(&request.prefix);
        let most = request.page_keys();
        let mut bytes = 0;
        let mut page = Page::default();
        let listed = self.node.read(|replica| {
            let after = after.map(|after| self.key(&after));
            let mut listed: Vec<(String, Option<Entry>)> = Vec::new();
            for (key, entry) in replica.keys_from(&prefix, after.as_deref()) {
                bytes += key.len();
                if listed.len() == most || (bytes > MAX_PAGE_BYTES && !listed.is_empty()) {
                    let last = listed.last().map_or("", |(key, _)| key);
                    page.cursor = Some(Cursor::seal(scope, &request.prefix, last.as_bytes()));
                    break;
                }
                let value = request.values.and_then(|_| read(key, entry));
                listed.push((key[self.prefix.len()..].to_owned(), value));
            }
            listed
        });
        match request.values {
            None => page.keys = listed.into_iter().map(|(key, _)| key).collect(),
            Some(max) => {
                let seal = |last: &str| Cursor::seal(scope, &request.prefix, last.as_bytes());
                page = Page::of_entries(listed, page.cursor, max, seal);
            }
        }
        Ok(page)
    }
}

fn read(key: &str, entry: &super::replica::Entry) -> Option<Entry> {
    Some(Entry {
        value: entry.value()?,
        version: Version::from(entry.fingerprint(key)),
        expires: Expires::Never,
    })
}

impl Bucket for CacheBucket {
    fn capabilities(&self) -> Capabilities {
        let usual = Capabilities::default();
        Capabilities {
            promptness: Promptness::AtOnce,
            increment: true,
            list: Listing::Ordered,
            durability: Durability::Volatile,
            reads: keywell_store::Reads::OwnWrites,
            value_bytes: usual.value_bytes.min(self.node.largest),
            ..usual
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let key = self.key(key);
        let entry = self
            .node
            .read(|replica| replica.entry(&key).and_then(|entry| read(&key, entry)));
        entry.map(|entry| entry.within(max)).transpose().into()
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        if let Err(error) = self.check(key, &value, how) {
            return error.into();
        }
        let key = self.key(key);
        let version = self.node.write(|replica, now| {
            let effects = replica.set(&key, value, now);
            let version = replica
                .entry(&key)
                .map_or(0, |entry| entry.fingerprint(&key));
            (version, effects)
        });
        Answer::now(Version::from(version))
    }

    fn delete(&self, key: &str) -> Answer<()> {
        let key = self.key(key);
        self.node.write(|replica, _| ((), replica.delete(&key)));
        Answer::now(())
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        if let Err(error) = self.check(key, &[], created) {
            return error.into();
        }
        let key = self.key(key);
        let added = self
            .node
            .write(|replica, now| match replica.increment(&key, delta, now) {
                Ok((sum, effects)) => (Ok(sum), effects),
                Err(refused) => (Err(Error::from(refused)), Vec::new()),
            });
        added.into()
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.page(&request).into()
    }
}
