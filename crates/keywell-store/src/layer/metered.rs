use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::meter::Meter;
use super::method::Method;
use crate::{
    Answer, Bucket, Capabilities, Change, Collect, Collected, Entry, Error, Event, Expected,
    Filter, List, Page, Part, Result, Set, Since, Swap, Version, Watch,
};

/// A bucket whose calls are counted: how many, their errors by kind, bytes, and how long answers
/// take. Without it nothing is counted.
///
/// A call whose answer comes at once costs one atomic step more, and one in 64 of those is timed, as
/// to read the clock twice takes longer than to count. Counts are exact.
///
/// ```
/// use keywell_store::layer::{Metered, Meters};
/// # use keywell_store::{Bucket, BucketName};
/// # fn example(bucket: std::sync::Arc<dyn Bucket>) {
/// let meters = Meters::default();
/// let meter = meters.of("cache", &BucketName::default());
/// let metered = Metered::new(bucket, meter);
/// # }
/// ```
pub struct Metered {
    inner: Arc<dyn Bucket>,
    meter: Arc<Meter>,
}

// === impl Metered ===

impl Metered {
    /// Counts the calls of a bucket.
    pub fn new(inner: Arc<dyn Bucket>, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }

    /// Counts a call that writes so many bytes, and whose value has as many that are read.
    ///
    /// What seldom happens is not inlined: most calls would save registers for it.
    #[inline]
    fn call<T: 'static>(
        &self,
        method: Method,
        written: usize,
        read: impl Fn(&T) -> usize + Send + 'static,
        ask: impl FnOnce(&dyn Bucket) -> Answer<T>,
    ) -> Answer<T> {
        if self.meter.times_next(method) {
            return self.timed_call(method, written, read, ask);
        }
        let answer = ask(&*self.inner);
        match &answer {
            Answer::Now(Ok(value)) => self.meter.call(method, written + read(value)),
            Answer::Now(Err(_)) | Answer::Later(_) => {
                return self.end(method, None, written, read, answer);
            }
        }
        answer
    }

    #[cold]
    #[inline(never)]
    fn timed_call<T: 'static>(
        &self,
        method: Method,
        written: usize,
        read: impl Fn(&T) -> usize + Send + 'static,
        ask: impl FnOnce(&dyn Bucket) -> Answer<T>,
    ) -> Answer<T> {
        let began = Instant::now();
        let answer = ask(&*self.inner);
        self.end(method, Some(began), written, read, answer)
    }

    /// Counts a call by its answer.
    #[cold]
    #[inline(never)]
    fn end<T: 'static>(
        &self,
        method: Method,
        began: Option<Instant>,
        written: usize,
        read: impl Fn(&T) -> usize + Send + 'static,
        answer: Answer<T>,
    ) -> Answer<T> {
        match answer {
            Answer::Now(result) => {
                let bytes = written + result.as_ref().map_or(0, read);
                self.meter.end_at_once(method, began, bytes, &result);
                Answer::Now(result)
            }
            Answer::Later(answer) => {
                let meter = self.meter.clone();
                meter.call(method, written);
                let began = began.unwrap_or_else(Instant::now);
                Answer::later(async move {
                    let result = answer.await;
                    let bytes = result.as_ref().map_or(0, read);
                    meter.end(method, began, bytes, &result);
                    result
                })
            }
        }
    }

    /// Counts a call that reads no bytes.
    #[inline]
    fn write<T: 'static>(
        &self,
        method: Method,
        written: usize,
        ask: impl FnOnce(&dyn Bucket) -> Answer<T>,
    ) -> Answer<T> {
        self.call(method, written, |_| 0, ask)
    }

    /// Counts a call that writes nothing.
    #[inline]
    fn read<T: 'static>(
        &self,
        method: Method,
        read: impl Fn(&T) -> usize + Send + 'static,
        ask: impl FnOnce(&dyn Bucket) -> Answer<T>,
    ) -> Answer<T> {
        self.call(method, 0, read, ask)
    }
}

/// The bytes of the values.
#[inline]
fn values<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> usize {
    entries.into_iter().map(|entry| entry.value.len()).sum()
}

/// The bytes of the keys, and of the values that came with them.
fn listed(page: &Page) -> usize {
    let keys: usize = page.keys.iter().map(String::len).sum();
    keys + values(&page.entries)
}

#[deny(clippy::missing_trait_methods)]
impl Bucket for Metered {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.read(
            Method::Get,
            |found: &Option<Entry>| values(found),
            |inner| inner.get_within(key, max),
        )
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        self.read(Method::Exists, |_| 0, |inner| inner.exists(key))
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let written = key.len() + value.len();
        self.write(Method::Set, written, |inner| inner.set(key, value, how))
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.write(Method::Delete, key.len(), |inner| inner.delete(key))
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let value = match &change {
            Change::Set(value, _) => value.len(),
            Change::Delete => 0,
        };
        self.write(Method::Swap, key.len() + value, |inner| {
            inner.swap(key, expected, change)
        })
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        self.write(Method::Increment, key.len(), |inner| {
            inner.increment_or_create(key, delta, created)
        })
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.read(
            Method::GetMany,
            |found: &Vec<Option<Entry>>| values(found.iter().flatten()),
            |inner| inner.get_many_within(keys, max),
        )
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.read(
            Method::GetMany,
            |found: &Vec<Option<Entry>>| values(found.iter().flatten()),
            |inner| inner.get_with_expiry(keys, max),
        )
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let bytes = entries.iter().map(|(key, value)| key.len() + value.len());
        let written = bytes.sum();
        self.write(Method::SetMany, written, |inner| inner.set_many(entries))
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        let written = keys.iter().map(|key| key.len()).sum();
        self.write(Method::DeleteMany, written, |inner| inner.delete_many(keys))
    }

    /// Each check and each write counts as a call, once the transaction has run or was refused here.
    /// It takes as long as it waits for the whole transaction.
    fn admit(&self, part: Part) -> Result<Part> {
        let written = part.key.len() + part.value().map_or(0, <[u8]>::len);
        let written = if part.writes() { written } else { 0 };
        let (meter, began) = (self.meter.clone(), Instant::now());
        let count = move |error: Option<&Error>| {
            meter.call(Method::Transact, if error.is_none() { written } else { 0 });
            meter.time(Method::Transact, began);
            if let Some(error) = error {
                meter.failed(Method::Transact, error);
            }
        };
        match self.inner.admit(part) {
            Ok(mut part) => {
                part.on_settled(move |outcome, _| count(outcome.as_ref().err()));
                Ok(part)
            }
            Err(error) => {
                count(Some(&error));
                Err(error)
            }
        }
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.read(Method::List, listed, |inner| inner.list(request))
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let meter = self.meter.clone();
        let opened = self.read(Method::Watch, |_| 0, |inner| inner.watch(filter, since));
        opened.map(move |watch| {
            watch.map_events(move |event| {
                if let Event::Set { value, .. } = &event {
                    meter.bytes(Method::Watch, value.len());
                }
                event
            })
        })
    }

    fn collect(&self, operation: Collect) -> Answer<Collected> {
        let keys: usize = operation.keys().iter().map(String::len).sum();
        let written = if operation.writes() {
            keys + operation.text().map_or(0, str::len)
        } else {
            0
        };
        let read = |answer: &Collected| match answer {
            Collected::Texts(texts) => texts.iter().map(String::len).sum(),
            Collected::Count(_) | Collected::Changed(_) => 0,
        };
        self.call(Method::Collect, written, read, |inner| {
            inner.collect(operation)
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, StreamExt as _, stream};

    use super::*;
    use crate::Expires;
    use crate::layer::{ErrorKind, Meters};
    use crate::{Action, BucketName, Transaction};

    /// Holds `v` under every key at once, takes a value later, and counts nothing.
    struct Small;

    impl Bucket for Small {
        fn capabilities(&self) -> Capabilities {
            Capabilities::default()
        }

        fn get_within(&self, _: &str, _: usize) -> Answer<Option<Entry>> {
            Answer::now(Some(Entry {
                value: "v".into(),
                version: Version::from(1),
                expires: Expires::Never,
            }))
        }

        fn set(&self, _: &str, _: Bytes, _: Set) -> Answer<Version> {
            Answer::later(async { Err(Error::Ambiguous("lost".into())) })
        }

        fn delete(&self, _: &str) -> Answer<()> {
            Answer::now(())
        }

        fn watch(&self, _: Filter, _: Since) -> Answer<Watch> {
            let event = Event::Set {
                key: "k".to_owned(),
                value: "value".into(),
                version: None,
                token: None,
            };
            Answer::now(Watch::new(None, stream::iter([Ok(event), Ok(Event::Gap)])))
        }
    }

    fn ready<T: 'static>(answer: Answer<T>) -> Result<T> {
        answer.now_or_never().expect("it is ready when polled")
    }

    #[test]
    fn calls_errors_and_bytes_are_counted_by_store_and_bucket() {
        let meters = Meters::default();
        let name = BucketName::default();
        let metered = Metered::new(Arc::new(Small), meters.of("s", &name));
        for _ in 0..128 {
            ready(metered.get_within("k", 1)).unwrap();
        }
        ready(metered.set("key", "value".into(), Set::default())).unwrap_err();
        drop(metered.set("key", "value".into(), Set::default()));
        ready(metered.increment_or_create("n", 1, Set::default())).unwrap_err();
        let mut transaction = Transaction::default();
        let write = transaction.write(&metered, "k", Action::Increment(1));
        assert!(matches!(write, Err(Error::Unsupported(_))), "{write:?}");
        let watch = ready(metered.watch(Filter::All, Since::Now)).unwrap();
        assert_eq!(watch.count().now_or_never(), Some(2));

        let read = meters.read();
        let [(store, bucket, counts)] = &read[..] else {
            panic!("{read:?}");
        };
        assert_eq!((&**store, bucket.as_ref()), ("s", Some(&name)));
        let [unsupported, ambiguous] = [ErrorKind::Unsupported, ErrorKind::Ambiguous];
        let expected = [
            (Method::Get, 128, vec![], 128),
            (Method::Set, 2, vec![(ambiguous, 1)], 16),
            (Method::Increment, 1, vec![(unsupported, 1)], 1),
            (Method::Watch, 1, vec![], 5),
            (Method::Transact, 1, vec![(unsupported, 1)], 0),
        ];
        let all = counts.methods.iter();
        let all = all.map(|one| (one.method, one.calls, one.errors.clone(), one.bytes));
        assert!(all.eq(expected), "{counts:?}");
        let latency = |at: usize| counts.methods[at].latency.count();
        assert_eq!(latency(0), 128, "two of them were timed");
        assert_eq!(latency(1), 1, "one was dropped before its answer came");
        assert_eq!(meters.of("s", &name).read(), *counts);
    }
}
