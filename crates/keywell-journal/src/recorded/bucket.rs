//! A bucket whose calls are recorded.

use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Action, Answer, Batching, Bucket, BucketName, Capabilities, Cas, Change, Check, Collect,
    Collected, Entry, Error as StoreError, Expected, Filter, Invalid, List, Page, Part, Promptness,
    Result, Set, Since, Swap, Transacted, Transacting, Version, Watch, Watching, Write,
};

use super::answered::{Answered, decode, encode};
use super::asking::Asking;
use super::effect::{Effect, Method, first, swapped};
use super::performing;
use super::site::{Site, refused};
use crate::call::{Begun, Call};
use crate::frame::MAX_RECORD_BYTES;

/// The most bytes of values of one call: an answer is one record.
const MOST_BYTES: usize = MAX_RECORD_BYTES / 2;

pub(super) struct Recorded {
    site: Arc<Site>,
    name: BucketName,
    inner: Arc<dyn Bucket>,
}

// === impl Recorded ===

impl Recorded {
    pub(super) fn new(site: Arc<Site>, name: BucketName, inner: Arc<dyn Bucket>) -> Self {
        Self { site, name, inner }
    }

    fn call(&self, name: &str, arguments: impl FnOnce(&mut Asking)) -> Call {
        let mut asking = Asking::of(&self.site.label, self.name.as_str());
        arguments(&mut asking);
        let (brief, digest) = asking.finish();
        self.site.session.call(name, brief, digest)
    }

    fn read<T: Answered>(
        &self,
        name: &str,
        arguments: impl FnOnce(&mut Asking),
        ask: impl FnOnce(&dyn Bucket) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let call = self.call(name, arguments);
        let inner = self.inner.clone();
        Answer::later(async move { read(&call, || ask(&*inner)).await })
    }

    /// A write, and what its method answers.
    fn write<T: Send + 'static>(
        &self,
        method: Method,
        checks: Vec<Check>,
        writes: Vec<(&str, Action)>,
        done: impl FnOnce(Transacted) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let writes = writes.into_iter().map(|(key, action)| Write {
            bucket: self.name.clone(),
            key: key.to_owned(),
            action,
        });
        let effect = Effect {
            checks,
            writes: writes.collect(),
            method,
        };
        perform(&self.site, effect).and_then(done)
    }
}

/// Answers a call that changes nothing.
pub(super) async fn read<T: Answered>(call: &Call, ask: impl FnOnce() -> Answer<T>) -> Result<T> {
    match call.begin().await.map_err(refused)? {
        Begun::Answer(outcome) => decode(&outcome),
        Begun::Fresh | Begun::Interrupted { .. } => {
            let answer = ask().await;
            call.answered(encode(&answer)).await.map_err(refused)?;
            answer
        }
    }
}

/// Has an effect. The call is made now.
pub(super) fn perform(site: &Arc<Site>, effect: Effect) -> Answer<Transacted> {
    let values = effect
        .writes
        .iter()
        .filter_map(|write| match &write.action {
            Action::Change(Change::Set(value, _)) => Some(value.len()),
            _ => None,
        });
    let (bytes, max) = (values.max().unwrap_or_default(), MOST_BYTES);
    if bytes > max {
        return StoreError::from(Invalid::ValueTooLarge { bytes, max }).into();
    }
    let mut asking = match effect.writes.first() {
        Some(write) => Asking::of(&site.label, write.bucket.as_str()),
        None => Asking::of(&site.label, ""),
    };
    asking.number(effect.checks.len() as u64);
    effect.checks.iter().for_each(|check| asking.check(check));
    asking.number(effect.writes.len() as u64);
    effect.writes.iter().for_each(|write| asking.write(write));
    if let Method::Increment(created) = effect.method {
        asking.how(created);
    }
    let (brief, digest) = asking.finish();
    let call = site.session.call(effect.method.name(), brief, digest);
    let site = site.clone();
    Answer::later(async move {
        let performed = performing::perform(&site, &call, &effect).await;
        performed.map_err(refused)?
    })
}

/// The last write of each key.
fn last_of_each(mut writes: Vec<(&str, Action)>) -> Vec<(&str, Action)> {
    let mut seen = std::collections::HashSet::new();
    writes.reverse();
    writes.retain(|(key, _)| seen.insert(*key));
    writes.reverse();
    writes
}

#[deny(clippy::missing_trait_methods)]
impl Bucket for Recorded {
    /// Watches are not recorded. A batch is one transaction or else a swap after the other.
    fn capabilities(&self) -> Capabilities {
        let inner = self.inner.capabilities();
        let transacts = matches!(inner.transact, Transacting::Store { .. });
        let batch = if transacts || inner.cas != Cas::ByVersion {
            inner.batch
        } else {
            Batching::Sequential
        };
        Capabilities {
            promptness: Promptness::Waits,
            watch: Watching::None,
            batch,
            value_bytes: inner.value_bytes.min(MOST_BYTES),
            ..inner
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let own = key.to_owned();
        let get = move |inner: &dyn Bucket| inner.get_within(&own, max.min(MOST_BYTES));
        self.read("get", |asking| asking.text(key), get)
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        let own = key.to_owned();
        let exists = move |inner: &dyn Bucket| inner.exists(&own);
        self.read("exists", |asking| asking.text(key), exists)
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let action = Action::Change(Change::Set(value, how));
        self.write(Method::Set, Vec::new(), vec![(key, action)], |done| {
            let version = first(done)?.and_then(|written| written.version);
            version.ok_or_else(|| StoreError::Internal("a set has no version".into()))
        })
    }

    fn delete(&self, key: &str) -> Answer<()> {
        let writes = vec![(key, Action::Change(Change::Delete))];
        self.write(Method::Delete, Vec::new(), writes, |_| Ok(()))
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let check = Check {
            bucket: self.name.clone(),
            key: key.to_owned(),
            expected,
        };
        let writes = vec![(key, Action::Change(change))];
        self.write(Method::Swap, vec![check], writes, swapped)
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let writes = vec![(key, Action::Increment(delta))];
        self.write(Method::Increment(created), Vec::new(), writes, |done| {
            let counter = first(done)?.and_then(|written| written.counter);
            counter.ok_or_else(|| StoreError::Internal("an increment has no value".into()))
        })
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let own: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
        let get = move |inner: &dyn Bucket| {
            let own: Vec<_> = own.iter().map(String::as_str).collect();
            inner.get_many_within(&own, max.min(MOST_BYTES))
        };
        self.read("get-many", |asking| asking.texts(keys.iter().copied()), get)
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let own: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
        let get = move |inner: &dyn Bucket| {
            let own: Vec<_> = own.iter().map(String::as_str).collect();
            inner.get_with_expiry(&own, max.min(MOST_BYTES))
        };
        let name = "get-with-expiry";
        self.read(name, |asking| asking.texts(keys.iter().copied()), get)
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        if let Err(error) = self.capabilities().limits().check_entries(&entries) {
            return error.into();
        }
        let writes = entries.into_iter().map(|(key, value)| {
            let change = Change::Set(value, Set::default());
            (key, Action::Change(change))
        });
        let writes = last_of_each(writes.collect());
        self.write(Method::SetMany, Vec::new(), writes, |_| Ok(()))
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        if let Err(error) = self.capabilities().limits().check_batch_of(keys) {
            return error.into();
        }
        let writes = keys
            .iter()
            .map(|key| (*key, Action::Change(Change::Delete)));
        let writes = last_of_each(writes.collect());
        self.write(Method::DeleteMany, Vec::new(), writes, |_| Ok(()))
    }

    /// The transaction is recorded when the store runs it.
    fn admit(&self, part: Part) -> Result<Part> {
        self.inner.admit(part)
    }

    fn list(&self, request: List) -> Answer<Page> {
        let arguments = |asking: &mut Asking| {
            asking.text(&request.prefix);
            asking.text(request.cursor.as_ref().map_or("", |cursor| cursor.as_str()));
            asking.number(request.limit as u64);
            asking.number(u64::from(request.values.is_some()));
        };
        let own = List {
            values: request.values.map(|max| max.min(MOST_BYTES)),
            ..request.clone()
        };
        self.read("list", arguments, move |inner| inner.list(own))
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let _ = (filter, since);
        StoreError::Unsupported("watching to a worker").into()
    }

    fn collect(&self, operation: Collect) -> Answer<Collected> {
        let arguments = |asking: &mut Asking| asking.collect(&operation);
        if !operation.writes() {
            let own = operation.clone().within(MOST_BYTES);
            return self.read("collect", arguments, move |inner| inner.collect(own));
        }
        let call = self.call("collect", arguments);
        let site = self.site.clone();
        let inner = self.inner.clone();
        Answer::later(async move {
            let ask = || inner.collect(operation.clone());
            let collected = performing::collect(&site, &call, ask).await;
            collected.map_err(refused)?
        })
    }
}
