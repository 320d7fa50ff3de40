use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Change, Entry, Error, Expected, Filter, Invalid,
    List, Page, Part, Result, Set, Since, StoreId, Swap, Version, Watch, reserved,
};

use crate::backing::Backing;
use crate::watch;

/// A bucket in a table.
#[derive(Clone)]
pub(crate) struct DynamoDbBucket {
    pub(crate) store: StoreId,
    pub(crate) name: BucketName,
    pub(crate) backing: Arc<Backing>,
}

// === impl DynamoDbBucket ===

impl DynamoDbBucket {
    /// Does something if this is right.
    fn after<T, F>(&self, checked: Result<()>, act: impl FnOnce(Arc<Backing>) -> F) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        match checked {
            Ok(()) => Answer::later(act(self.backing.clone())),
            Err(error) => error.into(),
        }
    }

    fn check_batch(&self, keys: &[&str]) -> Result<()> {
        self.capabilities().limits().check_batch_of(keys)
    }
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

impl Bucket for DynamoDbBucket {
    fn capabilities(&self) -> Capabilities {
        self.backing.capabilities()
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let key = key.to_owned();
        self.after(Ok(()), async move |backing| backing.get(&key, max).await)
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let checked = self.backing.check_entry(key, &value);
        let key = key.to_owned();
        self.after(checked, async move |backing| {
            backing.set(&key, value, how).await
        })
    }

    fn delete(&self, key: &str) -> Answer<()> {
        let checked = self.backing.check(key);
        let key = key.to_owned();
        self.after(checked, async move |backing| backing.delete(&key).await)
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        let key = key.to_owned();
        self.after(Ok(()), async move |backing| backing.is_there(&key).await)
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let checked = match &change {
            Change::Set(value, _) => self.backing.check_entry(key, value),
            Change::Delete => self.backing.check(key),
        };
        let key = key.to_owned();
        self.after(checked, async move |backing| {
            backing.swap(&key, expected, change).await
        })
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let checked = self.backing.check(key);
        let key = key.to_owned();
        self.after(checked, async move |backing| {
            backing.count(&key, delta, created).await
        })
    }

    /// With [`Entry::expires`], which is an attribute of the item.
    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let (checked, keys) = (self.check_batch(keys), owned(keys));
        self.after(checked, async move |backing| {
            backing.get_many(&keys, max).await
        })
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let limits = self.capabilities().limits();
        let mut checked = limits.check_entries(&entries);
        for (key, _) in &entries {
            checked = checked.and_then(|()| self.backing.check(key));
        }
        let entries = entries.into_iter();
        let entries = entries
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        self.after(checked, async move |backing| {
            backing.set_many(entries).await
        })
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        let mut checked = self.check_batch(keys);
        for key in keys {
            checked = checked.and_then(|()| self.backing.check(key));
        }
        let keys = owned(keys);
        self.after(checked, async move |backing| {
            backing.delete_many(keys).await
        })
    }

    fn admit(&self, part: Part) -> Result<Part> {
        Ok(part.of(self.store, self.name.clone()))
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.after(Ok(()), async move |backing| backing.page(&request).await)
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let backing = self.backing.clone();
        let Some(stream) = backing.stream.clone() else {
            return Error::Unsupported("watching of a table without a stream of both images")
                .into();
        };
        if !backing.is_reserved {
            return Answer::later(watch::open(backing, stream, filter, since));
        }
        if since != Since::Now {
            return Error::Invalid(Invalid::Token).into();
        }
        reserved::live(move || {
            let (backing, stream, filter) = (backing.clone(), stream.clone(), filter.clone());
            Answer::later(watch::open(backing, stream, filter, Since::Now))
        })
    }
}
