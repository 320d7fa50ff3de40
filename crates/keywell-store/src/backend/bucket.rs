use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::Backend;
use super::gate::Gate;
use crate::{
    Answer, Bucket, BucketName, Capabilities, Change, Entry, Error, Expected, Filter, Invalid,
    List, Page, Part, Result, Set, Since, StoreId, Swap, Transacting, ValueBytes, Version, Watch,
    Watching, reserved,
};

/// A handle on a bucket of a [`Backend`].
pub struct BackendBucket<B> {
    store: StoreId,
    name: BucketName,
    backend: Arc<B>,
    gate: Arc<Gate>,
}

/// The keys of a batch of reads.
struct Batch {
    /// Those that can be there, each once.
    keys: Vec<String>,
    /// The place of each key of the batch among them.
    places: Vec<Option<usize>>,
}

// === impl BackendBucket ===

impl<B> BackendBucket<B> {
    pub(super) fn new(store: StoreId, name: BucketName, backend: Arc<B>, gate: Arc<Gate>) -> Self {
        Self {
            store,
            name,
            backend,
            gate,
        }
    }
}

impl<B> Clone for BackendBucket<B> {
    fn clone(&self) -> Self {
        let (backend, gate) = (self.backend.clone(), self.gate.clone());
        Self::new(self.store, self.name.clone(), backend, gate)
    }
}

impl<B: Backend> BackendBucket<B> {
    /// Calls the backend if this is right.
    fn call<T, F>(&self, checked: Result<()>, call: impl FnOnce(Arc<B>) -> F) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        match checked {
            Ok(()) => Answer::later(call(self.backend.clone())),
            Err(error) => error.into(),
        }
    }

    /// The same for a write, whose end the end of the store waits for.
    fn write<T, F>(&self, checked: Result<()>, call: impl FnOnce(Arc<B>) -> F) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let gate = self.gate.clone();
        self.call(checked, |backend| {
            let call = call(backend);
            async move {
                let _in_flight = gate.enter()?;
                call.await
            }
        })
    }

    fn read_many(
        &self,
        keys: &[&str],
        max: usize,
        with_expiry: bool,
    ) -> Answer<Vec<Option<Entry>>> {
        let checked = self.capabilities().limits().check_batch_of(keys);
        let batch = Batch::new(keys, |key| self.backend.check_key(key).is_ok());
        if checked.is_ok() && batch.keys.is_empty() {
            return Answer::now(vec![None; keys.len()]);
        }
        self.call(checked, async move |backend| {
            let found = if with_expiry {
                backend.get_with_expiry(batch.keys, max).await?
            } else {
                backend.get_many(batch.keys, max).await?
            };
            spread(&batch.places, &found, max)
        })
    }
}

/// Checks a change that is about to be made. Its time to live is refused whether or not an
/// expectation holds.
pub(super) fn check_change(backend: &impl Backend, key: &str, change: &Change) -> Result<()> {
    backend.check_key(key)?;
    if let Change::Set(value, how) = change {
        backend.capabilities().limits().check_value(value.len())?;
        how.ttl_millis()?;
    }
    Ok(())
}

// === impl Batch ===

impl Batch {
    fn new(keys: &[&str], can_have: impl Fn(&str) -> bool) -> Self {
        let mut distinct: Vec<&str> = keys.iter().copied().filter(|key| can_have(key)).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let place = |key: &&str| distinct.binary_search(key).ok();
        Self {
            places: keys.iter().map(place).collect(),
            keys: distinct.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// The entries at these places. The value of a key that is given twice counts twice.
fn spread(
    places: &[Option<usize>],
    found: &[Option<Entry>],
    max: usize,
) -> Result<Vec<Option<Entry>>> {
    let mut bytes = ValueBytes::new(max);
    let entries = places.iter().map(|place| {
        let entry = place.and_then(|place| found.get(place).cloned().flatten());
        bytes.add_entry(entry.as_ref())?;
        Ok(entry)
    });
    entries.collect()
}

/// Entries with each key once: of one that is given twice, the last value stands.
fn last_of_each(entries: &[(&str, Bytes)]) -> Vec<(String, Bytes)> {
    let mut seen = HashSet::with_capacity(entries.len());
    let from_behind = entries.iter().rev().filter(|(key, _)| seen.insert(*key));
    let mut last: Vec<_> = from_behind
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    last.reverse();
    last
}

impl<B: Backend> Bucket for BackendBucket<B> {
    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        if self.backend.check_key(key).is_err() {
            return Answer::now(None);
        }
        let key = key.to_owned();
        self.call(Ok(()), async move |backend| backend.get(&key, max).await)
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let limits = self.capabilities().limits();
        let checked = self.backend.check_key(key);
        let checked = checked.and_then(|()| limits.check_value(value.len()));
        let checked = checked.and_then(|()| how.ttl_millis().map(drop));
        let key = key.to_owned();
        self.write(checked, async move |backend| {
            backend.set(&key, value, how).await
        })
    }

    fn delete(&self, key: &str) -> Answer<()> {
        let checked = self.backend.check_key(key);
        let key = key.to_owned();
        self.write(checked, async move |backend| backend.delete(&key).await)
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        if self.backend.check_key(key).is_err() {
            return Answer::now(false);
        }
        let key = key.to_owned();
        self.call(Ok(()), async move |backend| backend.exists(&key).await)
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let checked = check_change(&*self.backend, key, &change);
        let key = key.to_owned();
        self.write(checked, async move |backend| {
            backend.swap(&key, expected, change).await
        })
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let checked = self.backend.check_key(key);
        let checked = checked.and_then(|()| created.ttl_millis().map(drop));
        let key = key.to_owned();
        self.write(checked, async move |backend| {
            backend.increment(&key, delta, created).await
        })
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.read_many(keys, max, false)
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.read_many(keys, max, true)
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let mut keys = entries.iter().map(|(key, _)| *key);
        let checked = self.capabilities().limits().check_entries(&entries);
        let checked = checked.and_then(|()| keys.try_for_each(|key| self.backend.check_key(key)));
        let entries = last_of_each(&entries);
        self.write(checked, async move |backend| {
            backend.set_many(entries).await
        })
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        let checked = self.capabilities().limits().check_batch_of(keys);
        let mut each = keys.iter();
        let checked = checked.and_then(|()| each.try_for_each(|key| self.backend.check_key(key)));
        let mut seen = HashSet::with_capacity(keys.len());
        let keys = keys.iter().filter(|key| seen.insert(**key));
        let keys = keys.map(|&key| key.to_owned()).collect();
        self.write(checked, async move |backend| {
            backend.delete_many(keys).await
        })
    }

    fn admit(&self, part: Part) -> Result<Part> {
        if self.capabilities().transact == Transacting::None {
            return Err(Error::Unsupported("transactions"));
        }
        Ok(part.of(self.store, self.name.clone()))
    }

    fn list(&self, request: List) -> Answer<Page> {
        let bucket = self.clone();
        Answer::later(async move {
            let page = bucket.backend.page(&request).await?;
            match request.values {
                Some(max) if page.entries.is_empty() => {
                    let seal = |key: &str| bucket.backend.seal(&request.prefix, key);
                    page.read(&bucket, max, seal).await
                }
                _ => Ok(page),
            }
        })
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let backend = self.backend.clone();
        let is_watched = backend.capabilities().watch != Watching::None;
        if !is_watched || !reserved::is_reserved(&self.name) {
            return Answer::later(backend.watch(filter, since));
        }
        if since != Since::Now {
            return Error::Invalid(Invalid::Token).into();
        }
        reserved::live(move || {
            let (backend, filter) = (backend.clone(), filter.clone());
            Answer::later(backend.watch(filter, Since::Now))
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use parking_lot::Mutex;

    use super::*;
    use crate::backend::{Backends, Reader, Watcher, Writer};
    use crate::{Batching, Expires, Listing};

    /// Keys whose value is the key itself, twice. Notes what it is asked to do.
    #[derive(Default)]
    struct Echo(Arc<Mutex<Vec<String>>>);

    impl Reader for Echo {
        async fn get(&self, key: &str, max: usize) -> Result<Option<Entry>> {
            self.0.lock().push(format!("get {key}"));
            let entry = Entry {
                value: key.repeat(2).into(),
                version: 1.into(),
                expires: Expires::Never,
            };
            entry.within(max).map(Some)
        }

        async fn get_many(&self, keys: Vec<String>, max: usize) -> Result<Vec<Option<Entry>>> {
            let mut entries = Vec::new();
            for key in keys {
                entries.push(self.get(&key, max).await?);
            }
            Ok(entries)
        }

        async fn page(&self, _: &List) -> Result<Page> {
            Ok(Page {
                keys: vec!["a".to_owned(), "b".to_owned()],
                ..Page::default()
            })
        }
    }

    impl Writer for Echo {
        async fn set(&self, key: &str, _: Bytes, _: Set) -> Result<Version> {
            self.0.lock().push(format!("set {key}"));
            Ok(1.into())
        }

        async fn delete(&self, key: &str) -> Result<()> {
            self.0.lock().push(format!("delete {key}"));
            Ok(())
        }

        async fn swap(&self, _: &str, _: Expected, _: Change) -> Result<Swap> {
            Ok(Swap::Stale)
        }

        async fn increment(&self, _: &str, delta: i64, _: Set) -> Result<i64> {
            Ok(delta)
        }

        async fn set_many(&self, entries: Vec<(String, Bytes)>) -> Result<()> {
            self.0.lock().push(format!("set {entries:?}"));
            Ok(())
        }

        async fn delete_many(&self, keys: Vec<String>) -> Result<()> {
            self.0.lock().push(format!("delete {keys:?}"));
            Ok(())
        }
    }

    impl Watcher for Echo {}

    impl Backend for Echo {
        fn capabilities(&self) -> Capabilities {
            Capabilities {
                batch: Batching::Sequential,
                list: Listing::Ordered,
                key_bytes: 4,
                value_bytes: 2,
                ..Capabilities::default()
            }
        }
    }

    fn bucket() -> (Arc<dyn Bucket>, Arc<Mutex<Vec<String>>>) {
        let notes = Arc::new(Mutex::default());
        let written = notes.clone();
        let backends = Backends::new(move |_| Echo(written.clone()));
        let opened = backends.bucket(&BucketName::default()).now_or_never();
        (opened.unwrap().unwrap(), notes)
    }

    fn now<T: 'static>(answer: Answer<T>) -> Result<T> {
        answer.now_or_never().expect("an echo answers at once")
    }

    #[test]
    fn a_key_that_cannot_be_there_is_absent_to_reads_and_refused_to_writes() {
        let (bucket, notes) = bucket();
        for key in ["", "long!"] {
            assert_eq!(now(bucket.get(key)).unwrap(), None);
            assert!(!now(bucket.exists(key)).unwrap());
            let change = Change::Delete;
            for refused in [
                now(bucket.set(key, Bytes::new(), Set::default())).map(drop),
                now(bucket.delete(key)),
                now(bucket.swap(key, Expected::Absent, change)).map(drop),
                now(bucket.increment(key, 1)).map(drop),
                now(bucket.set_many(vec![("k", Bytes::new()), (key, Bytes::new())])),
                now(bucket.delete_many(&["k", key])),
            ] {
                assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
            }
            assert_eq!(now(bucket.get_many(&[key])).unwrap(), [None]);
        }
        let large = now(bucket.set("k", "xxx".into(), Set::default()));
        assert!(matches!(
            large,
            Err(Error::Invalid(Invalid::ValueTooLarge { .. }))
        ));
        assert!(notes.lock().is_empty());
    }

    #[test]
    fn a_key_that_is_given_twice_is_read_and_written_once_and_counts_twice() {
        let (bucket, notes) = bucket();
        let entries = now(bucket.get_many_within(&["b", "", "a", "b"], 6)).unwrap();
        let values: Vec<_> = entries
            .iter()
            .map(|entry| entry.as_ref().map(|entry| &entry.value[..]))
            .collect();
        let expected: [Option<&[u8]>; 4] = [Some(b"bb"), None, Some(b"aa"), Some(b"bb")];
        assert_eq!(values, expected);
        assert_eq!(std::mem::take(&mut *notes.lock()), ["get a", "get b"]);
        let large = now(bucket.get_many_within(&["b", "", "a", "b"], 5));
        assert!(matches!(
            large,
            Err(Error::Invalid(Invalid::BatchTooLarge { .. }))
        ));
        notes.lock().clear();
        let entries = [("b", "1"), ("a", "2"), ("b", "3")];
        let entries = entries.map(|(key, value)| (key, Bytes::from(value)));
        now(bucket.set_many(entries.into())).unwrap();
        now(bucket.delete_many(&["b", "a", "b"])).unwrap();
        let written = [r#"set [("a", b"2"), ("b", b"3")]"#, r#"delete ["b", "a"]"#];
        assert_eq!(*notes.lock(), written);
    }

    #[test]
    fn a_listing_of_keys_alone_has_its_entries_read_where_they_are_asked_for() {
        let (bucket, _) = bucket();
        let keys = now(bucket.list(List::default())).unwrap();
        assert_eq!((keys.keys.len(), keys.entries.len()), (2, 0));
        let request = List {
            values: Some(100),
            ..List::default()
        };
        let page = now(bucket.list(request)).unwrap();
        assert_eq!(page.entries[1].value, "bb");
        let watch = now(bucket.watch(Filter::All, Since::Now));
        assert!(matches!(watch, Err(Error::Unsupported("watching"))));
    }
}
