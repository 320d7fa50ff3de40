use std::sync::Arc;

use bytes::Bytes;

use crate::limits::Limits;
use crate::{
    Answer, Bucket, Capabilities, Change, Collect, Collected, Entry, Event, Expected, Filter, List,
    Page, Part, Result, Set, Since, Swap, Version, Watch,
};

/// A bucket behind [`Limits`], or behind what it declares itself where that is less. What is past
/// them is answered with [`Invalid`](crate::Invalid) and never reaches the store. Keys past them that others wrote are
/// left out of listings and watches, as nothing could be done with them.
pub struct Limited {
    inner: Arc<dyn Bucket>,
    limits: Limits,
    /// Asked once: hosts look at them in calls.
    capabilities: Capabilities,
}

// === impl Limited ===

impl Limited {
    /// Puts limits in front of a bucket.
    pub fn new(inner: Arc<dyn Bucket>, limits: Limits) -> Self {
        let capabilities = inner.capabilities();
        let limits = capabilities.within(limits);
        Self {
            inner,
            limits,
            capabilities: Capabilities {
                key_bytes: limits.key_bytes,
                value_bytes: limits.value_bytes,
                batch_keys: limits.batch_keys,
                batch_bytes: limits.batch_bytes,
                alphabet: limits.alphabet,
                transact: capabilities
                    .transact
                    .within(limits.batch_keys, limits.batch_bytes),
                ..capabilities
            },
        }
    }

    /// The limits in force, which hosts check before they copy anything.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

#[deny(clippy::missing_trait_methods)]
impl Bucket for Limited {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        match self.limits.check_key(key) {
            Ok(()) => self.inner.get_within(key, max.min(self.limits.value_bytes)),
            Err(error) => error.into(),
        }
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        match self.limits.check_key(key) {
            Ok(()) => self.inner.exists(key),
            Err(error) => error.into(),
        }
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let limits = &self.limits;
        match limits
            .check_key(key)
            .and_then(|()| limits.check_value(value.len()))
        {
            Ok(()) => self.inner.set(key, value, how),
            Err(error) => error.into(),
        }
    }

    fn delete(&self, key: &str) -> Answer<()> {
        match self.limits.check_key(key) {
            Ok(()) => self.inner.delete(key),
            Err(error) => error.into(),
        }
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let bytes = match &change {
            Change::Set(value, _) => value.len(),
            Change::Delete => 0,
        };
        match self
            .limits
            .check_key(key)
            .and_then(|()| self.limits.check_value(bytes))
        {
            Ok(()) => self.inner.swap(key, expected, change),
            Err(error) => error.into(),
        }
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        match self.limits.check_key(key) {
            Ok(()) => self.inner.increment_or_create(key, delta, created),
            Err(error) => error.into(),
        }
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        if let Err(error) = self.limits.check_keys(keys) {
            return error.into();
        }
        let max = max.min(self.limits.batch_bytes);
        self.inner.get_many_within(keys, max)
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        if let Err(error) = self.limits.check_keys(keys) {
            return error.into();
        }
        let max = max.min(self.limits.batch_bytes);
        self.inner.get_with_expiry(keys, max)
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let limits = &self.limits;
        let bytes = entries
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        let checked = limits.check_batch(entries.len(), bytes).and_then(|()| {
            entries.iter().try_for_each(|(key, value)| {
                limits.check_key(key)?;
                limits.check_value(value.len())
            })
        });
        match checked {
            Ok(()) => self.inner.set_many(entries),
            Err(error) => error.into(),
        }
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        match self.limits.check_keys(keys) {
            Ok(()) => self.inner.delete_many(keys),
            Err(error) => error.into(),
        }
    }

    fn admit(&self, part: Part) -> Result<Part> {
        self.limits.check_key(&part.key)?;
        self.limits
            .check_value(part.value().map_or(0, <[u8]>::len))?;
        let size = part.size;
        self.limits.check_batch(size.operations, size.bytes)?;
        self.inner.admit(part)
    }

    fn list(&self, request: List) -> Answer<Page> {
        let limits = self.limits;
        let values = request.values.map(|max| max.min(limits.batch_bytes));
        let request = List { values, ..request };
        self.inner.list(request).map(move |mut page| {
            page.retain(|key| limits.check_key(key).is_ok());
            page
        })
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let limits = self.limits;
        let is_within = move |event: &Event| {
            let key = event.key();
            key.is_none_or(|key| limits.check_key(key).is_ok())
        };
        let watch = self.inner.watch(filter, since);
        watch.map(move |watch| watch.only(is_within))
    }

    fn collect(&self, operation: Collect) -> Answer<Collected> {
        let limits = &self.limits;
        let keys: Vec<&str> = operation.keys().iter().map(String::as_str).collect();
        let checked = limits.check_keys(&keys).and_then(|()| {
            let text = operation.text().map_or(0, str::len);
            limits.check_value(text)
        });
        match checked {
            Ok(()) => self.inner.collect(operation.within(limits.batch_bytes)),
            Err(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, StreamExt as _};

    use super::*;
    use crate::layer::{Grant, Granted};
    use crate::{Error, Invalid};

    const KEYS: [&str; 3] = ["", "k", "much too long"];

    /// Holds nothing, and declares how little of it.
    struct Small;

    impl Bucket for Small {
        fn capabilities(&self) -> Capabilities {
            Capabilities {
                key_bytes: 10,
                value_bytes: 100,
                ..Capabilities::default()
            }
        }

        fn get_within(&self, _: &str, _: usize) -> Answer<Option<Entry>> {
            Answer::now(None)
        }

        /// There are keys that cannot be written through it, as others wrote them.
        fn list(&self, _: List) -> Answer<Page> {
            let keys = KEYS.map(str::to_owned).into();
            Answer::now(Page {
                keys,
                ..Page::default()
            })
        }

        fn watch(&self, _: Filter, _: Since) -> Answer<Watch> {
            let gone = |key: &str| Event::Delete {
                key: key.to_owned(),
                expired: false,
                token: None,
            };
            let events = KEYS.map(|key| Ok(gone(key))).into_iter();
            let events = events.chain([Ok(Event::Gap), Err(Invalid::Compacted.into())]);
            Answer::now(Watch::new(None, futures::stream::iter(events)))
        }

        fn set(&self, key: &str, value: Bytes, _: Set) -> Answer<Version> {
            let checked = self.capabilities().check(key, &value);
            checked.map(|()| Version::from(1)).into()
        }

        fn delete(&self, _: &str) -> Answer<()> {
            Answer::now(())
        }
    }

    fn refused<T>(answered: Answer<T>) -> Option<Invalid> {
        match answered {
            Answer::Now(Err(Error::Invalid(invalid))) => Some(invalid),
            _ => None,
        }
    }

    #[test]
    fn the_lesser_of_what_is_allowed_and_what_is_declared_is_in_force() {
        let usual = Limited::new(Arc::new(Small), Limits::default());
        let (limits, declared) = (usual.limits(), usual.capabilities());
        assert_eq!((limits.key_bytes, limits.value_bytes), (10, 100));
        assert_eq!((declared.key_bytes, declared.value_bytes), (10, 100));
        let (bytes, max) = (101, 100);
        let large = refused(usual.set("k", vec![0; bytes].into(), Set::default()));
        assert_eq!(large, Some(Invalid::ValueTooLarge { bytes, max }));

        let tight = Limits {
            key_bytes: 5,
            ..Limits::default()
        };
        let tight = Limited::new(Arc::new(Small), tight);
        let (limits, declared) = (tight.limits(), tight.capabilities());
        assert_eq!((limits.key_bytes, limits.value_bytes), (5, 100));
        assert_eq!((declared.key_bytes, declared.value_bytes), (5, 100));
    }

    #[test]
    fn a_prefix_takes_of_the_room_for_keys() {
        let grant = Grant {
            prefix: "tea/".into(),
            ..Grant::default()
        };
        let granted = Granted::new(Arc::new(Small), grant);
        assert_eq!(granted.capabilities().key_bytes, 6);
        let limited = Limited::new(Arc::new(granted), Limits::default());
        let longest = limited.set("chai12", Bytes::new(), Set::default());
        longest.now_or_never().unwrap().unwrap();
        let (bytes, max) = (7, 6);
        let long = refused(limited.set("chai123", Bytes::new(), Set::default()));
        assert_eq!(long, Some(Invalid::KeyTooLong { bytes, max }));
    }

    #[test]
    fn keys_past_the_limits_are_neither_listed_nor_watched() {
        let limited = Limited::new(Arc::new(Small), Limits::default());
        let page = limited.list(List::default()).now_or_never().unwrap();
        assert_eq!(page.unwrap().keys, ["k"]);
        let watch = limited.watch(Filter::All, Since::Now).now_or_never();
        let events: Vec<_> = watch.unwrap().unwrap().collect().now_or_never().unwrap();
        assert_eq!(events.len(), 3, "{events:?}");
        assert_eq!(events[0].as_ref().unwrap().key(), Some("k"));
        assert_eq!(events[1].as_ref().unwrap(), &Event::Gap);
        assert!(events[2].is_err());
    }

    /// Answers each operation on lists and sets with its keys.
    struct Echo;

    impl Bucket for Echo {
        fn capabilities(&self) -> Capabilities {
            Capabilities {
                key_bytes: 10,
                value_bytes: 100,
                ..Capabilities::default()
            }
        }

        fn get_within(&self, _: &str, _: usize) -> Answer<Option<Entry>> {
            Answer::now(None)
        }

        fn set(&self, _: &str, _: Bytes, _: Set) -> Answer<Version> {
            Answer::now(Version::from(1))
        }

        fn delete(&self, _: &str) -> Answer<()> {
            Answer::now(())
        }

        fn collect(&self, operation: Collect) -> Answer<Collected> {
            let max = match operation {
                Collect::Range { max, .. } | Collect::Members { max, .. } => max,
                _ => 0,
            };
            let keys = operation.keys().iter().cloned();
            Answer::now(Collected::Texts(keys.chain([max.to_string()]).collect()))
        }
    }

    fn members(keys: &[&str]) -> Collect {
        Collect::Members {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            of: crate::Members::Union,
            max: usize::MAX,
        }
    }

    fn push(key: &str, bytes: usize) -> Collect {
        Collect::Push {
            key: key.to_owned(),
            item: "i".repeat(bytes),
        }
    }

    fn texts(answered: Answer<Collected>) -> Vec<String> {
        let answered = answered.now_or_never().unwrap();
        answered.and_then(Collected::texts).unwrap()
    }

    #[test]
    fn lists_and_sets_are_behind_the_prefix_and_the_limits() {
        let grant = Grant {
            prefix: "tea/".into(),
            ..Grant::default()
        };
        let granted = Arc::new(Granted::new(Arc::new(Echo), grant));
        let tight = Limits {
            batch_keys: 2,
            batch_bytes: 1000,
            ..Limits::default()
        };
        let limited = Limited::new(granted, tight);
        let both = texts(limited.collect(members(&["a", "b"])));
        assert_eq!(both, ["tea/a", "tea/b", "1000"]);
        assert_eq!(texts(limited.collect(push("l", 100))), ["tea/l", "0"]);

        let many = refused(limited.collect(members(&["a", "b", "c"])));
        assert_eq!(many, Some(Invalid::BatchTooLong { keys: 3, max: 2 }));
        let long = refused(limited.collect(members(&["a", "chai123"])));
        assert_eq!(long, Some(Invalid::KeyTooLong { bytes: 7, max: 6 }));
        let large = refused(limited.collect(push("l", 101)));
        let (bytes, max) = (101, 100);
        assert_eq!(large, Some(Invalid::ValueTooLarge { bytes, max }));
        assert_eq!(
            refused(limited.collect(push("", 1))),
            Some(Invalid::EmptyKey)
        );
    }

    #[test]
    fn what_is_granted_for_reading_changes_no_list_and_no_set() {
        let grant = Grant {
            read_only: true,
            ..Grant::default()
        };
        let granted = Granted::new(Arc::new(Echo), grant);
        let (key, text) = ("k".to_owned(), "t".to_owned());
        let writes = [
            push("k", 1),
            Collect::DeleteItem {
                key: key.clone(),
                item: text.clone(),
            },
            Collect::Clear { key: key.clone() },
            Collect::Add {
                key: key.clone(),
                member: text.clone(),
            },
            Collect::Remove { key, member: text },
        ];
        for write in writes {
            let answered = granted.collect(write.clone());
            let is_denied = matches!(answered, Answer::Now(Err(Error::AccessDenied(_))));
            assert!(is_denied, "{write:?}");
        }
        assert_eq!(texts(granted.collect(members(&["k"]))).len(), 2);
    }

    #[test]
    fn a_batch_that_is_refused_is_not_begun() {
        // By the store's own default, before anything in front of it looks.
        let entries = vec![("k", Bytes::new()), ("much too long", Bytes::new())];
        let (bytes, max) = (13, 10);
        let long = refused(Small.set_many(entries));
        assert_eq!(long, Some(Invalid::KeyTooLong { bytes, max }));
    }
}
