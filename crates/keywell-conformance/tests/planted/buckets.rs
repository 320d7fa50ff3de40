//! Stores that forget too much, or list buckets that hold nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use keywell_conformance::{Subject, isolation};
use keywell_memory::MemoryStore;
use keywell_store::layer::{Grant, Granted};
use keywell_store::{Answer, Bucket, BucketName, Capabilities, Entry, List, Set, Store, Version};
use parking_lot::Mutex;

use crate::bug::{Caught, Inner};

/// Forgets buckets with their content, or other buckets with them.
struct Forgets(MemoryStore, How);

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// The content of the bucket, too.
    All,
    /// Buckets whose names begin with its name, too.
    Prefix,
    /// The first key only.
    Some,
}

impl Store for Forgets {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.0.open(name)
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        self.0.buckets()
    }

    fn forget(&self, name: &BucketName) -> Answer<()> {
        let Answer::Now(Ok(names)) = self.0.buckets() else {
            panic!("the memory store answers at once");
        };
        let is_gone = |other: &&BucketName| match self.1 {
            How::All | How::Some => *other == name,
            How::Prefix => *other != name && other.as_str().starts_with(name.as_str()),
        };
        for name in names.iter().filter(is_gone) {
            let Answer::Now(Ok(bucket)) = self.0.open(name) else {
                panic!("the memory store answers at once");
            };
            let Answer::Now(Ok(page)) = bucket.list(List::default()) else {
                panic!("the memory store answers at once");
            };
            let most = if self.1 == How::Some { 1 } else { usize::MAX };
            for key in page.keys.iter().take(most) {
                drop(bucket.delete(key));
            }
        }
        Answer::now(())
    }
}

#[tokio::test]
async fn a_store_that_forgets_too_much_is_caught() {
    for how in [How::All, How::Some] {
        Caught::in_store(Forgets(MemoryStore::new(), how))
            .by(isolation::forgetting_what_holds_something_does_nothing)
            .await;
    }
    Caught::in_store(Forgets(MemoryStore::new(), How::Prefix))
        .by(isolation::a_forgotten_bucket_starts_empty)
        .await;
}

/// Renames a bucket when it is forgotten, so that old handles are of another bucket.
#[derive(Default)]
struct Renames(MemoryStore, Mutex<u64>);

impl Store for Renames {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let grant = Grant {
            prefix: format!("{}/", self.1.lock()),
            ..Grant::default()
        };
        self.0
            .open(name)
            .map(|inner| Arc::new(Granted::new(inner, grant)) as Arc<dyn Bucket>)
    }

    fn forget(&self, _: &BucketName) -> Answer<()> {
        *self.1.lock() += 1;
        Answer::now(())
    }
}

#[tokio::test]
async fn a_forgotten_bucket_that_is_another_one_is_caught() {
    Caught::in_store(Renames::default())
        .by(isolation::forgetting_what_holds_something_does_nothing)
        .await;
}

/// Lists a bucket from its first set until its last key is deleted, also after all keys expired.
#[derive(Clone, Default)]
struct ListsExpired(MemoryStore, Arc<Mutex<BTreeSet<BucketName>>>);

struct Listed {
    inner: Inner,
    name: BucketName,
    all: Arc<Mutex<BTreeSet<BucketName>>>,
}

impl Store for ListsExpired {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let (name, all) = (name.clone(), self.1.clone());
        let opened = self.0.open(&name);
        opened.map(move |inner| Arc::new(Listed { inner, name, all }) as Arc<dyn Bucket>)
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        Answer::now(self.1.lock().iter().cloned().collect())
    }
}

impl Bucket for Listed {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            ttl: true,
            ..Capabilities::default()
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.inner.get_within(key, max)
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        self.all.lock().insert(self.name.clone());
        self.inner.set(key, value, how)
    }

    fn delete(&self, key: &str) -> Answer<()> {
        let (inner, name, all) = (self.inner.clone(), self.name.clone(), self.all.clone());
        self.inner.delete(key).then(move |()| {
            inner.list(List::default()).map(move |page| {
                if page.keys.is_empty() {
                    all.lock().remove(&name);
                }
            })
        })
    }
}

#[tokio::test]
async fn a_bucket_that_is_listed_after_its_keys_expired_is_caught() {
    let store = ListsExpired::default();
    isolation::a_bucket_is_listed_while_it_holds_something(&Subject::new(store.clone()))
        .await
        .unwrap();
    Caught::in_store(store)
        .by(isolation::a_bucket_whose_keys_expired_is_not_listed)
        .await;
}
