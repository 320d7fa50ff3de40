use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_nats::HeaderMap;
use bytes::Bytes;
use futures::StreamExt as _;
use keywell_client::{Backoff, Deadline as Limit};
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Change, Entry, Error, Expected, Filter, Invalid,
    List, Page, Part, Result, Set, Since, StoreId, Swap, ValueBytes, Version, Watch, counter,
    reserved,
};

use super::backing::{Backing, deletion};
use super::listing;
use super::message::{self, Deadline, Stored, What};
use super::reading;
use super::watch;
use super::writing::{Message, Put};

/// How often a write that lost to another is tried again.
const ATTEMPTS: u32 = 64;
/// How many deletions of one call are in flight.
const IN_FLIGHT: usize = 32;

/// A bucket in a stream.
#[derive(Clone)]
pub(crate) struct JetStreamBucket {
    pub(crate) store: StoreId,
    pub(crate) name: BucketName,
    pub(crate) backing: Arc<Backing>,
}

/// Waits before a write is tried again that lost to another.
struct Attempts {
    left: u32,
    backoff: Backoff,
}

// === impl Attempts ===

impl Attempts {
    fn new() -> Self {
        Self {
            left: ATTEMPTS,
            backoff: Backoff::new(Duration::from_millis(1), Duration::from_millis(50)),
        }
    }

    /// # Errors
    ///
    /// When there were enough.
    async fn next(&mut self) -> Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            Error::Unavailable("too many clients write the key at the same time".into())
        })?;
        self.backoff.pause().await;
        Ok(())
    }
}

// === impl JetStreamBucket ===

impl JetStreamBucket {
    fn later<T: Send + 'static, F>(&self, act: impl FnOnce(Self) -> F) -> Answer<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        Answer::later(act(self.clone()))
    }

    /// The headers of a value that is set so, and when it expires.
    fn headers(&self, how: Set) -> Result<(HeaderMap, Option<Deadline>)> {
        let mut headers = HeaderMap::new();
        let Some(millis) = how.ttl_millis()? else {
            return Ok((headers, None));
        };
        if !self.backing.stream.has_ttl {
            return Err(Error::Unsupported("a time to live"));
        }
        let now = SystemTime::now();
        let deadline = Deadline::after(now, millis);
        deadline.write(&mut headers, now);
        Ok((headers, Some(deadline)))
    }

    async fn set_value(self, subject: String, value: Bytes, how: Set) -> Result<Version> {
        let (headers, deadline) = self.headers(how)?;
        let message = Message {
            subject,
            headers,
            payload: value,
            expected: None,
        };
        match self.backing.put(message).await? {
            Put::Done(sequence) => Ok(message::version(sequence, deadline)),
            Put::Lost => Err(Error::Unavailable("another write is in flight".into())),
        }
    }

    async fn remove(self, subject: String) -> Result<()> {
        let last = self.backing.last(&subject).await?;
        self.remove_last(subject, last).await
    }

    /// Deletes a key whose last message was read.
    async fn remove_last(self, subject: String, mut last: Option<Stored>) -> Result<()> {
        let mut attempts = Attempts::new();
        loop {
            let Some(found) = last.filter(|found| found.is_live(SystemTime::now())) else {
                return Ok(());
            };
            let message = deletion(subject.clone(), found.sequence);
            if let Put::Done(_) = self.backing.put(message).await? {
                return Ok(());
            }
            attempts.next().await?;
            last = self.backing.last(&subject).await?;
        }
    }

    async fn change(self, subject: String, expected: Expected, change: Change) -> Result<Swap> {
        if let Change::Set(_, how) = &change {
            // Refused whether or not the expectation holds.
            self.headers(*how)?;
        }
        let mut attempts = Attempts::new();
        loop {
            let predecessor = match &expected {
                Expected::At(version) => {
                    let Some((sequence, deadline)) = message::sequence(version) else {
                        return Ok(Swap::Stale);
                    };
                    if deadline.is_some_and(|at| at.is_past(SystemTime::now())) {
                        return Ok(Swap::Stale);
                    }
                    sequence
                }
                Expected::Absent => {
                    let last = self.backing.last(&subject).await?;
                    if last
                        .as_ref()
                        .is_some_and(|last| last.is_live(SystemTime::now()))
                    {
                        return Ok(Swap::Stale);
                    }
                    last.map_or(0, |last| last.sequence)
                }
            };
            let (message, deadline) = match &change {
                Change::Set(value, how) => {
                    let (headers, deadline) = self.headers(*how)?;
                    let message = Message {
                        subject: subject.clone(),
                        headers,
                        payload: value.clone(),
                        expected: Some(predecessor),
                    };
                    (message, deadline)
                }
                Change::Delete if expected == Expected::Absent => return Ok(Swap::Done(None)),
                Change::Delete => (deletion(subject.clone(), predecessor), None),
            };
            let is_deletion = matches!(change, Change::Delete);
            if let Put::Done(sequence) = self.backing.put(message).await? {
                let version = (!is_deletion).then(|| message::version(sequence, deadline));
                return Ok(Swap::Done(version));
            }
            // The server refuses a write also while another is in flight that may yet fail, so only
            // what is stored shows whether the expectation holds.
            let last = reading::of_leader(&self.backing.api, &self.backing.stream, &subject).await;
            let last = last.map_err(|fault| self.backing.failed(fault))?;
            let stands = match &expected {
                Expected::At(_) => last.is_some_and(|last| last.sequence == predecessor),
                Expected::Absent => last.is_none_or(|last| !last.is_live(SystemTime::now())),
            };
            if !stands {
                return Ok(Swap::Stale);
            }
            attempts.next().await?;
        }
    }

    async fn count(self, key: String, subject: String, delta: i64, created: Set) -> Result<i64> {
        // Refused before anything is read.
        self.headers(created)?;
        let turn = self.backing.counters.turn(&key);
        let turn = Limit::after(self.backing.api.timeout()).bound(turn).await;
        let _turn = turn.map_err(|_| {
            let what = "other increments of the key wait for NATS";
            Error::Unavailable(what.into())
        })?;
        let mut attempts = Attempts::new();
        loop {
            let now = SystemTime::now();
            let last = self.backing.last(&subject).await?;
            let predecessor = last.as_ref().map_or(0, |last| last.sequence);
            let live = last.filter(|last| last.is_live(now));
            let (value, headers) = match live.map(|last| last.what) {
                Some(What::Value { value, deadline }) => {
                    let mut headers = HeaderMap::new();
                    if let Some(deadline) = deadline {
                        deadline.write(&mut headers, now);
                    }
                    (Some(value), headers)
                }
                _ => (None, self.headers(created)?.0),
            };
            let sum = match counter::add(value.as_deref(), delta) {
                Ok(sum) => sum,
                Err(error) => {
                    self.backing.found(predecessor).await;
                    return Err(error);
                }
            };
            let message = Message {
                subject: subject.clone(),
                headers,
                payload: counter::text(sum),
                expected: Some(predecessor),
            };
            if let Put::Done(_) = self.backing.put(message).await? {
                return Ok(sum);
            }
            attempts.next().await?;
        }
    }

    async fn read_many(self, keys: Vec<String>, max: usize) -> Result<Vec<Option<Entry>>> {
        let names = &self.backing.stream.names;
        let subjects: Vec<_> = keys.iter().map(|key| names.subject(key)).collect();
        let mut distinct = subjects.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let found = self.backing.last_within(distinct, max).await?;
        let now = SystemTime::now();
        let mut bytes = ValueBytes::new(max);
        let entries = subjects.iter().map(|subject| {
            let entry = found
                .get(subject)
                .cloned()
                .and_then(|stored| stored.entry(now));
            bytes.add_entry(entry.as_ref())?;
            Ok(entry)
        });
        entries.collect()
    }

    async fn write_many(self, entries: Vec<(String, Bytes)>) -> Result<()> {
        let messages: Vec<_> = entries
            .into_iter()
            .map(|(subject, payload)| Message {
                subject,
                headers: HeaderMap::new(),
                payload,
                expected: None,
            })
            .collect();
        if self.backing.stream.has_batches && messages.len() > 1 {
            return match self.backing.put_all(&messages).await? {
                Put::Done(_) => Ok(()),
                Put::Lost => Err(Error::Unavailable("another write is in flight".into())),
            };
        }
        for (at, message) in messages.into_iter().enumerate() {
            let put = match self.backing.put(message).await {
                Ok(Put::Lost) => Err(Error::Unavailable("another write is in flight".into())),
                put => put,
            };
            put.map_err(|error| if at > 0 { error.of_a_part() } else { error })?;
        }
        Ok(())
    }

    async fn remove_many(self, subjects: Vec<String>) -> Result<()> {
        let mut attempts = Attempts::new();
        loop {
            let found = self.backing.last_of_each(subjects.clone()).await?;
            let now = SystemTime::now();
            let mut live: Vec<_> = found
                .into_values()
                .filter(|stored| stored.is_live(now))
                .map(Stored::without_value)
                .collect();
            live.sort_unstable_by(|one, other| one.subject.cmp(&other.subject));
            if !self.backing.stream.has_batches || live.len() < 2 {
                return self.remove_each(live).await;
            }
            let deletions = live
                .into_iter()
                .map(|stored| deletion(stored.subject, stored.sequence));
            let deletions: Vec<_> = deletions.collect();
            if let Put::Done(_) = self.backing.put_all(&deletions).await? {
                return Ok(());
            }
            attempts.next().await?;
        }
    }

    async fn remove_each(self, live: Vec<Stored>) -> Result<()> {
        let removals = live.into_iter().map(|stored| {
            let subject = stored.subject.clone();
            self.clone().remove_last(subject, Some(stored))
        });
        let mut removals = futures::stream::iter(removals).buffer_unordered(IN_FLIGHT);
        let mut is_partial = false;
        let mut outcome = Ok(());
        while let Some(removed) = removals.next().await {
            match removed {
                Ok(()) => is_partial = true,
                Err(error) => {
                    is_partial |= matches!(error, Error::Ambiguous(_));
                    outcome = Err(error);
                }
            }
        }
        outcome.map_err(
            |error: Error| {
                if is_partial { error.of_a_part() } else { error }
            },
        )
    }

    async fn page(self, request: List) -> Result<Page> {
        let (page, sequence) = self.backing.page(&request).await?;
        let Some(max) = request.values else {
            return Ok(page);
        };
        let scope = &*self.backing.scope;
        let seal = |key: &str| listing::seal(scope, &request.prefix, sequence, key);
        page.read(&self, max, seal).await
    }

    /// The subjects of keys, each once.
    pub(crate) fn subjects(&self, keys: &[&str]) -> Result<Vec<String>> {
        self.capabilities().limits().check_batch_of(keys)?;
        let subjects: Result<Vec<_>> = keys.iter().map(|key| self.backing.subject(key)).collect();
        let mut subjects = subjects?;
        subjects.sort_unstable();
        subjects.dedup();
        Ok(subjects)
    }

    fn check_entries(&self, entries: Vec<(&str, Bytes)>) -> Result<Vec<(String, Bytes)>> {
        self.capabilities().limits().check_entries(&entries)?;
        let mut messages: Vec<(String, Bytes)> = Vec::with_capacity(entries.len());
        let mut places = std::collections::HashMap::with_capacity(entries.len());
        for (key, value) in entries {
            let subject = self.backing.subject(key)?;
            // Of a key given twice, the last value stands.
            if let Some(&at) = places.get(&subject) {
                let message: &mut (String, Bytes) = &mut messages[at];
                message.1 = value;
            } else {
                places.insert(subject.clone(), messages.len());
                messages.push((subject, value));
            }
        }
        Ok(messages)
    }
}

impl Bucket for JetStreamBucket {
    fn capabilities(&self) -> Capabilities {
        self.backing.capabilities()
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        // What cannot be written is not there.
        let Ok(subject) = self.backing.subject(key) else {
            return Answer::now(None);
        };
        self.later(async move |bucket| {
            let last = bucket.backing.last(&subject).await?;
            let entry = last.and_then(|last| last.entry(SystemTime::now()));
            entry.map(|entry| entry.within(max)).transpose()
        })
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let checked = self.capabilities().check(key, &value);
        match checked.and_then(|()| self.backing.subject(key)) {
            Ok(subject) => self.later(|bucket| bucket.set_value(subject, value, how)),
            Err(error) => error.into(),
        }
    }

    fn delete(&self, key: &str) -> Answer<()> {
        match self.backing.subject(key) {
            Ok(subject) => self.later(|bucket| bucket.remove(subject)),
            Err(error) => error.into(),
        }
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let value = match &change {
            Change::Set(value, _) => &value[..],
            Change::Delete => b"",
        };
        let checked = self.capabilities().check(key, value);
        match checked.and_then(|()| self.backing.subject(key)) {
            Ok(subject) => self.later(|bucket| bucket.change(subject, expected, change)),
            Err(error) => error.into(),
        }
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        match self.backing.subject(key) {
            Ok(subject) => {
                let key = key.to_owned();
                self.later(|bucket| bucket.count(key, subject, delta, created))
            }
            Err(error) => error.into(),
        }
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        if let Err(error) = self.subjects(keys) {
            return error.into();
        }
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        self.later(|bucket| bucket.read_many(keys, max))
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.get_many_within(keys, max)
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        match self.check_entries(entries) {
            Ok(entries) if entries.is_empty() => Answer::now(()),
            Ok(entries) => self.later(|bucket| bucket.write_many(entries)),
            Err(error) => error.into(),
        }
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        match self.subjects(keys) {
            Ok(subjects) => self.later(|bucket| bucket.remove_many(subjects)),
            Err(error) => error.into(),
        }
    }

    fn admit(&self, part: Part) -> Result<Part> {
        if !self.backing.stream.has_batches {
            return Err(Error::Unsupported("transactions"));
        }
        Ok(part.of(self.store, self.name.clone()))
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.later(|bucket| bucket.page(request))
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let backing = self.backing.clone();
        if !backing.is_reserved {
            return Answer::later(watch::open(backing, filter, since));
        }
        if since != Since::Now {
            return Error::Invalid(Invalid::Token).into();
        }
        reserved::live(move || {
            let (backing, filter) = (backing.clone(), filter.clone());
            Answer::later(watch::open(backing, filter, Since::Now))
        })
    }
}
