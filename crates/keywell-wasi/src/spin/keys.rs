use std::sync::Arc;

use keywell_store::{Answer, Bucket as _, Cursor, Invalid, List, Page, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::Resource;

use crate::budget::Charge;
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::opened::Opened;

/// The keys of a bucket, page after page.
struct Keys {
    bucket: Arc<Opened>,
    found: Vec<String>,
    bytes: usize,
    max: usize,
    charge: Charge,
}

/// Asks for all keys of a bucket.
pub(super) fn get_keys<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket,): (Resource<BucketHandle>,),
) -> wasmtime::Result<Answer<Vec<String>>> {
    let keyvalue = store.data_mut().keyvalue_mut();
    let bucket = keyvalue.bucket(&bucket)?.clone();
    let max = keyvalue.budget().remaining();
    Ok(all(bucket, max, keyvalue.budget_mut().hold(0)?))
}

/// All keys of a bucket, if they have at most `max` bytes together, those that each needs besides
/// included.
fn all(bucket: Arc<Opened>, max: usize, charge: Charge) -> Answer<Vec<String>> {
    let mut keys = Keys {
        bucket,
        found: Vec::new(),
        bytes: 0,
        max,
        charge,
    };
    let mut cursor = None;
    loop {
        match keys.page(cursor) {
            Answer::Now(page) => match page.and_then(|page| keys.add(page)) {
                Ok(None) => return Answer::now(keys.found),
                Ok(next) => cursor = next,
                Err(error) => return error.into(),
            },
            Answer::Later(page) => {
                return Answer::later(async move {
                    let mut page = page.await?;
                    while let Some(cursor) = keys.add(page)? {
                        page = keys.page(Some(cursor)).await?;
                    }
                    Ok(keys.found)
                });
            }
        }
    }
}

// === impl Keys ===

impl Keys {
    fn page(&self, cursor: Option<Cursor>) -> Answer<Page> {
        self.bucket.list(List {
            cursor,
            ..List::default()
        })
    }

    /// Adds those of a page; answers where the next one begins.
    fn add(&mut self, page: Page) -> Result<Option<Cursor>> {
        let bytes = page.keys.iter().map(|key| size_of::<String>() + key.len());
        let bytes = bytes.sum();
        self.bytes += bytes;
        if self.bytes > self.max || self.charge.add(bytes).is_err() {
            return Err(Invalid::BatchTooLarge {
                bytes: self.bytes,
                max: self.max,
            }
            .into());
        }
        self.found.extend(page.keys);
        Ok(page.cursor)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use keywell_memory::MemoryStore;
    use keywell_store::layer::{Limited, Limits};
    use keywell_store::{Bucket, BucketName, Capabilities, Entry, Error, Set, Store as _, Version};

    use super::*;
    use crate::budget::Budget;
    use crate::chosen::LinkNumber;

    /// A bucket that lists later.
    struct Slow(Arc<dyn Bucket>);

    impl Bucket for Slow {
        fn capabilities(&self) -> Capabilities {
            self.0.capabilities()
        }

        fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
            self.0.get_within(key, max)
        }

        fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
            self.0.set(key, value, how)
        }

        fn delete(&self, key: &str) -> Answer<()> {
            self.0.delete(key)
        }

        fn list(&self, request: List) -> Answer<Page> {
            Answer::later(self.0.list(request))
        }
    }

    #[tokio::test]
    async fn all_pages_are_listed_or_none_whether_at_once_or_later() {
        let name = BucketName::parse("b").unwrap();
        let store = MemoryStore::default();
        let bucket = store.open(&name).await.unwrap();
        let written: Vec<String> = (0..2500).map(|number| format!("{number:08}")).collect();
        for key in &written {
            let done = bucket.set(key, Bytes::new(), Set::default()).await;
            done.unwrap();
        }
        let bytes = written.len() * (size_of::<String>() + 8);
        let charge = || Budget::default().hold(0).unwrap();
        for bucket in [bucket.clone(), Arc::new(Slow(bucket))] {
            let bucket = Arc::new(Opened {
                bucket: Limited::new(bucket, Limits::default()),
                store: Arc::new(store.clone()),
                name: "b".into(),
                link: LinkNumber::UNNAMED,
            });
            let mut found = all(bucket.clone(), bytes, charge()).await.unwrap();
            found.sort();
            assert_eq!(found, written);
            let refused = all(bucket, bytes - 1, charge()).await;
            let Err(Error::Invalid(Invalid::BatchTooLarge { max, .. })) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!(max, bytes - 1);
        }
    }
}
