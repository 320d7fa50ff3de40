use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use keywell_store::{
    Answer, Bucket, Capabilities, Change, Collect, Collected, Entry, Expected, Expires, Filter,
    Invalid, List, Page, Part, Reads, Result, Set, Since, Swap, ValueBytes, Version, Watch,
};

use super::cache::NearCache;
use super::copy::NearCopy;
use super::index::{Held, Index};
use super::{behind, page};
use crate::jetstream::bucket::JetStreamBucket;
use crate::jetstream::listing;
use crate::jetstream::message::{self, Deadline, What};
use crate::jetstream::reading;

/// How many values of one call are read at a time.
const IN_FLIGHT: usize = 32;

/// A bucket that is read from a copy in this process.
#[derive(Clone)]
pub(crate) struct NearBucket {
    inner: JetStreamBucket,
    cache: Arc<NearCache>,
}

/// What the copy has of a key.
enum Known {
    Absent,
    Entry(Entry),
    /// The value is in the message of this stamp.
    At(Stamp),
}

#[derive(Clone, Copy)]
struct Stamp {
    sequence: u64,
    deadline: Option<Deadline>,
}

// === impl NearBucket ===

impl NearBucket {
    pub(crate) fn new(inner: JetStreamBucket, cache: Arc<NearCache>) -> Self {
        Self { inner, cache }
    }

    fn copy(&self) -> &NearCopy {
        self.cache.copy()
    }

    fn known(&self, index: &Index, key: &str) -> Known {
        let Some(held) = index.get(key).filter(|held| is_live(held)) else {
            return Known::Absent;
        };
        let stamp = Stamp {
            sequence: held.sequence,
            deadline: held.deadline,
        };
        let value = held.value.clone();
        match value.or_else(|| self.copy().values.get(held.sequence)) {
            Some(value) => Known::Entry(stamp.entry(value)),
            None => Known::At(stamp),
        }
    }

    /// The value of a key's message, if it is still there.
    async fn read(&self, key: &str, stamp: Stamp) -> Result<Option<Bytes>> {
        let backing = &self.inner.backing;
        let Ok(subject) = backing.subject(key) else {
            return Ok(None);
        };
        let (api, stream) = (&backing.api, &backing.stream);
        let found = reading::at(api, stream, &subject, stamp.sequence).await;
        let found = found.map_err(|fault| backing.failed(fault))?;
        if found.as_ref().is_some_and(|found| found.subject != subject) {
            // The stream was made again.
            self.copy().doubt();
            return Ok(None);
        }
        let Some(What::Value { value, .. }) = found.map(|found| found.what) else {
            return Ok(None);
        };
        let values = &self.copy().values;
        // Not a part of the connection's buffer, which would stay with it.
        values.insert(stamp.sequence, Bytes::copy_from_slice(&value));
        Ok(Some(value))
    }

    /// Asks the server for a key, which the copy had with a stamp.
    async fn ask(&self, key: &str, stamp: Option<Stamp>) -> Result<Option<Entry>> {
        let backing = &self.inner.backing;
        let Ok(subject) = backing.subject(key) else {
            return Ok(None);
        };
        let last = backing.last(&subject).await?;
        match (&last, stamp) {
            (Some(last), Some(stamp)) if last.sequence < stamp.sequence => self.copy().doubt(),
            (Some(last), _) => self.copy().reach(last.sequence).await,
            (None, Some(stamp)) => self.copy().forget(key, stamp.sequence),
            (None, None) => {}
        }
        Ok(last.and_then(|last| last.entry(SystemTime::now())))
    }

    /// An entry that the copy knows by its stamp, or does not know.
    async fn find(self, key: String, stamp: Option<Stamp>, max: usize) -> Result<Option<Entry>> {
        if let Some(stamp) = stamp
            && let Some(value) = self.read(&key, stamp).await?
        {
            return stamp.entry(value).within(max).map(Some);
        }
        let entry = self.ask(&key, stamp).await?;
        entry.map(|entry| entry.within(max)).transpose()
    }

    async fn find_many(
        self,
        keys: Vec<String>,
        known: Option<Vec<Known>>,
        max: usize,
    ) -> Result<Vec<Option<Entry>>> {
        if let Some(known) = known
            && let Some(values) = self.read_all(&keys, &known, max).await?
        {
            return entries(known, &values, max);
        }
        // What is read of the server must not be mixed with what the copy has.
        let asked: Vec<&str> = keys.iter().map(String::as_str).collect();
        let found = self.inner.get_many_within(&asked, max).await?;
        let sequences = found
            .iter()
            .flatten()
            .filter_map(|entry| message::sequence(&entry.version));
        if let Some(last) = sequences.map(|(sequence, _)| sequence).max() {
            self.copy().reach(last).await;
        }
        let absent = asked.iter().zip(&found);
        let absent = absent.filter(|(_, entry)| entry.is_none());
        self.find_gone(absent.map(|(key, _)| *key)).await?;
        Ok(found)
    }

    /// The values of keys that the copy does not have, by their sequence; `None` if one is not there.
    async fn read_all(
        &self,
        keys: &[String],
        known: &[Known],
        max: usize,
    ) -> Result<Option<HashMap<u64, Bytes>>> {
        let stamps = keys.iter().zip(known);
        let stamps = stamps.filter_map(|(key, known)| Some((key.clone(), known.stamp()?)));
        let mut stamps: Vec<(String, Stamp)> = stamps.collect();
        stamps.sort_unstable_by_key(|(_, stamp)| stamp.sequence);
        stamps.dedup_by_key(|(_, stamp)| stamp.sequence);
        let reads = stamps.into_iter().map(|(key, stamp)| async move {
            let value = self.read(&key, stamp).await?;
            Ok::<_, keywell_store::Error>((stamp.sequence, value))
        });
        let mut reads = futures::stream::iter(reads).buffer_unordered(IN_FLIGHT);
        let mut bytes = ValueBytes::new(max);
        let mut values = HashMap::new();
        while let Some((sequence, value)) = reads.try_next().await? {
            let Some(value) = value else {
                return Ok(None);
            };
            check(&value, max)?;
            bytes.add(value.len())?;
            values.insert(sequence, value);
        }
        Ok(Some(values))
    }

    /// Catches up with the server on keys that it found to be gone, where the copy has them.
    async fn find_gone<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Result<()> {
        behind::find_gone(&self.inner.backing, self.copy(), keys).await
    }

    async fn exchange(self, key: String, expected: Expected, change: Change) -> Result<Swap> {
        let is_deletion = matches!(change, Change::Delete);
        let swapped = self.inner.swap(&key, expected.clone(), change).await?;
        match &swapped {
            // A caller that read a stale version must not read it again.
            Swap::Stale => {
                let stands = self.copy().look(|index| match &expected {
                    Expected::Absent => !index.get(&key).is_some_and(is_live),
                    Expected::At(version) => index.get(&key).is_some_and(|held| {
                        message::version(held.sequence, held.deadline) == *version
                    }),
                });
                if stands != Some(false) {
                    self.ask(&key, None).await?;
                }
            }
            Swap::Done(_) if is_deletion => self.find_gone([&*key]).await?,
            Swap::Done(_) => {}
        }
        Ok(swapped)
    }

    async fn page_of_server(self, request: List) -> Result<Page> {
        let page = self.inner.list(request).await?;
        let backing = &self.inner.backing;
        let info = backing.stream.info(&backing.api).await;
        let info = info.map_err(|fault| backing.failed(fault))?;
        self.copy().reach(info.state.last_seq).await;
        Ok(page)
    }

    fn page(&self, request: &List) -> Result<Option<(u64, Page)>> {
        let scope = &*self.inner.backing.scope;
        let after = match &request.cursor {
            None => None,
            Some(cursor) => {
                let position = cursor.position(scope, &request.prefix)?;
                Some(listing::parse(&position).ok_or(Invalid::Cursor)?.1)
            }
        };
        let seal = |sequence, key: &str| listing::seal(scope, &request.prefix, sequence, key);
        let page = self.copy().look(|index| {
            let page = page::of(index, request, after.as_deref(), is_live, seal);
            (index.applied(), page)
        });
        Ok(page)
    }
}

/// All requested entries; each is present.
fn entries(
    known: Vec<Known>,
    values: &HashMap<u64, Bytes>,
    max: usize,
) -> Result<Vec<Option<Entry>>> {
    let mut bytes = ValueBytes::new(max);
    let entries = known.into_iter().map(|known| {
        let entry = match known {
            Known::Absent => None,
            Known::Entry(entry) => Some(entry),
            Known::At(stamp) => values
                .get(&stamp.sequence)
                .map(|value| stamp.entry(value.clone())),
        };
        if let Some(entry) = &entry {
            check(&entry.value, max)?;
        }
        bytes.add_entry(entry.as_ref())?;
        Ok(entry)
    });
    entries.collect()
}

/// Refuses a value that the caller cannot hold.
fn check(value: &[u8], max: usize) -> Result<()> {
    let bytes = value.len();
    if bytes > max {
        return Err(Invalid::ValueTooLarge { bytes, max }.into());
    }
    Ok(())
}

fn is_live(held: &Held) -> bool {
    held.deadline
        .is_none_or(|deadline| !deadline.is_past(SystemTime::now()))
}

// === impl Known ===

impl Known {
    fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::At(stamp) => Some(*stamp),
            Self::Absent | Self::Entry(_) => None,
        }
    }
}

// === impl Stamp ===

impl Stamp {
    fn entry(self, value: Bytes) -> Entry {
        let left = |deadline: Deadline| Expires::In(deadline.left(SystemTime::now()));
        Entry {
            value,
            version: message::version(self.sequence, self.deadline),
            expires: self.deadline.map_or(Expires::Never, left),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Bucket for NearBucket {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            reads: Reads::OwnWrites,
            ..self.inner.capabilities()
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let stamp = match self.copy().look(|index| self.known(index, key)) {
            Some(Known::Absent) => return Answer::now(None),
            Some(Known::Entry(entry)) => return entry.within(max).map(Some).into(),
            Some(Known::At(stamp)) => Some(stamp),
            None => None,
        };
        Answer::later(self.clone().find(key.to_owned(), stamp, max))
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        self.inner.set(key, value, how)
    }

    fn delete(&self, key: &str) -> Answer<()> {
        let (bucket, key) = (self.clone(), key.to_owned());
        Answer::later(async move {
            bucket.inner.delete(&key).await?;
            bucket.find_gone([&*key]).await
        })
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        let copy = self.copy();
        if let Some(is_there) = copy.look(|index| index.get(key).is_some_and(is_live)) {
            return Answer::now(is_there);
        }
        let (bucket, key) = (self.clone(), key.to_owned());
        Answer::later(async move { Ok(bucket.ask(&key, None).await?.is_some()) })
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        Answer::later(self.clone().exchange(key.to_owned(), expected, change))
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        self.inner.increment_or_create(key, delta, created)
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        if let Err(error) = self.inner.subjects(keys) {
            return error.into();
        }
        let known = self.copy().look(|index| {
            let known = keys.iter().map(|key| self.known(index, key));
            known.collect::<Vec<_>>()
        });
        let is_all_here = |known: &Vec<Known>| known.iter().all(|known| known.stamp().is_none());
        match known {
            Some(known) if is_all_here(&known) => entries(known, &HashMap::new(), max).into(),
            known => {
                let keys = keys.iter().map(|key| (*key).to_owned()).collect();
                Answer::later(self.clone().find_many(keys, known, max))
            }
        }
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.get_many_within(keys, max)
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        self.inner.set_many(entries)
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        let bucket = self.clone();
        let names: BTreeSet<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let deleted = self.inner.delete_many(keys);
        Answer::later(async move {
            deleted.await?;
            bucket.find_gone(names.iter().map(String::as_str)).await
        })
    }

    fn admit(&self, part: Part) -> Result<Part> {
        self.inner.admit(part)
    }

    fn list(&self, request: List) -> Answer<Page> {
        let (sequence, page) = match self.page(&request) {
            Ok(Some(page)) => page,
            Ok(None) => return Answer::later(self.clone().page_of_server(request)),
            Err(error) => return error.into(),
        };
        let Some(max) = request.values else {
            return Answer::now(page);
        };
        let bucket = self.clone();
        Answer::later(async move {
            let scope = bucket.inner.backing.scope.clone();
            let seal = |key: &str| listing::seal(&scope, &request.prefix, sequence, key);
            page.read(&bucket, max, seal).await
        })
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        self.inner.watch(filter, since)
    }

    fn collect(&self, operation: Collect) -> Answer<Collected> {
        self.inner.collect(operation)
    }
}
