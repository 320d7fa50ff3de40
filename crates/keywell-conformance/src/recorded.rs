use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Change, Collect, Collected, Entry, Expected, Filter,
    List, Page, Part, Result, Set, Since, Swap, Version, Watch,
};

use crate::failure::{given, shown};
use crate::trace::{Trace, Written};

/// A bucket that notes each call and its answer in the trace, and records the keys it writes.
pub(crate) struct Recorded {
    pub(crate) inner: Arc<dyn Bucket>,
    pub(crate) name: BucketName,
    /// Distinguishes this bucket from the first one of the behaviour, whose label is empty.
    pub(crate) label: String,
    pub(crate) trace: Trace,
    pub(crate) written: Written,
}

// === impl Recorded ===

impl Recorded {
    fn record<T>(&self, asked: &str, answered: Answer<T>) -> Answer<T>
    where
        T: std::fmt::Debug + Send + 'static,
    {
        self.trace.record(self.labelled(asked), answered)
    }

    fn labelled(&self, asked: &str) -> String {
        if self.label.is_empty() {
            return asked.to_owned();
        }
        format!("in {}: {asked}", self.label)
    }

    fn writes(&self, key: &str) {
        self.written.add(&self.name, key);
    }
}

#[deny(clippy::missing_trait_methods)]
impl Bucket for Recorded {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.record(
            &format!("get({})", given(key.as_bytes())),
            self.inner.get_within(key, max),
        )
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        self.record(
            &format!("exists({})", given(key.as_bytes())),
            self.inner.exists(key),
        )
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        self.writes(key);
        let ttl = how.ttl.map(|ttl| format!(", for {ttl:?}"));
        let ttl = ttl.unwrap_or_default();
        let asked = format!("set({}, {}{ttl})", given(key.as_bytes()), given(&value));
        self.record(&asked, self.inner.set(key, value, how))
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.record(
            &format!("delete({})", given(key.as_bytes())),
            self.inner.delete(key),
        )
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        self.writes(key);
        let what = shown(&change);
        let asked = format!(
            "swap({}, if {}, {what})",
            given(key.as_bytes()),
            shown(&expected)
        );
        self.record(&asked, self.inner.swap(key, expected, change))
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        self.writes(key);
        let ttl = created.ttl.map(|ttl| format!(", or create for {ttl:?}"));
        let ttl = ttl.unwrap_or_default();
        let asked = format!("increment({}, {delta}{ttl})", given(key.as_bytes()));
        let answered = self.inner.increment_or_create(key, delta, created);
        self.record(&asked, answered)
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let asked = format!("get_many({})", shown(&keys));
        self.record(&asked, self.inner.get_many_within(keys, max))
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let asked = format!("get_with_expiry({})", shown(&keys));
        self.record(&asked, self.inner.get_with_expiry(keys, max))
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        for (key, _) in &entries {
            self.writes(key);
        }
        let asked = format!("set_many({})", shown(&entries));
        self.record(&asked, self.inner.set_many(entries))
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        let asked = format!("delete_many({})", shown(&keys));
        self.record(&asked, self.inner.delete_many(keys))
    }

    fn admit(&self, part: Part) -> Result<Part> {
        if part.writes() {
            self.writes(&part.key);
        }
        let asked = format!(
            "admit({}, {})",
            given(part.key.as_bytes()),
            shown(&part.operation)
        );
        self.trace.note(self.labelled(&asked));
        self.inner.admit(part)
    }

    fn list(&self, request: List) -> Answer<Page> {
        let asked = format!("list({})", shown(&request));
        self.record(&asked, self.inner.list(request))
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let asked = format!("watch({}, {})", shown(&filter), shown(&since));
        let watch = self.record(&asked, self.inner.watch(filter, since));
        let (trace, delivers) = (self.trace.clone(), self.labelled("the watch delivers"));
        watch.map(move |watch| {
            watch.map_events(move |event| {
                trace.note(format!("{delivers} {}", shown(&event)));
                event
            })
        })
    }

    fn collect(&self, operation: Collect) -> Answer<Collected> {
        if operation.writes() {
            for key in operation.keys() {
                self.writes(key);
            }
        }
        let asked = format!("collect({})", shown(&operation));
        self.record(&asked, self.inner.collect(operation))
    }
}
