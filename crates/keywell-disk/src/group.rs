use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{BucketName, Error, Expected, Result, Swap, Version, counter};
use redb::{ReadableTable, Table, WriteTransaction};

use crate::clock::Mark;
use crate::directory::{self, Directory};
use crate::entry::{self, Header};
use crate::error::Fault;
use crate::history::History;
use crate::live::LiveEvent;
use crate::marks::Marks;
use crate::operation::{Outcome, Request, Write, WriterOperation};
use crate::record::{Kind, Record};
use crate::redo::{Effect, Redo};
use crate::tables::{
    BUCKETS, CHANGES, ENTRIES, EXPIRY, META, META_COMMIT, META_DAY, META_HISTORY_BYTES, META_LIVE,
    META_SEQUENCE, META_TIME,
};

/// The most expired entries that one transaction removes. The next transactions remove the rest, so
/// that writers do not wait for a million expired entries.
const SWEEP: usize = 1024;

/// The most old events that one transaction drops in addition to the number it writes.
const TRIM: usize = 1024;

/// The state that a transaction starts from.
pub(crate) struct Base<'a> {
    pub(crate) marks: &'a Marks,
    pub(crate) directory: &'a Directory,
    pub(crate) history: History,
    /// Whether changes of buckets without history are to be published.
    pub(crate) is_live_watched: bool,
    /// The time of the whole transaction.
    pub(crate) now: Mark,
}

/// The result of a transaction that was committed, or needed no commit.
pub(crate) struct Settled {
    pub(crate) marks: Marks,
    pub(crate) buckets: Vec<(Arc<str>, u32)>,
    pub(crate) live: Vec<LiveEvent>,
    pub(crate) outcomes: Vec<Result<Outcome>>,
}

/// Writes of many callers in one transaction. Each sees those before it.
///
/// Invalid operations (a stale swap, a value that is not a number) are detected before anything is
/// written for their caller, so that they change nothing and the others continue.
pub(crate) struct Group<'t> {
    entries: Table<'t, &'static [u8], &'static [u8]>,
    names: Table<'t, &'static str, u32>,
    changes: Table<'t, u64, &'static [u8]>,
    expiry: Table<'t, &'static [u8], ()>,
    base: &'t Base<'t>,
    marks: Marks,
    buckets: Vec<(Arc<str>, u32)>,
    /// What changed in buckets without history.
    live: Vec<LiveEvent>,
    redo: Redo,
    has_changed: bool,
}

/// An entry that exists.
struct Current {
    header: Header,
    value: Bytes,
}

// === impl Group ===

impl<'t> Group<'t> {
    /// Begins a group whose effects take at most so many bytes in the log.
    pub(crate) fn begin(
        writing: &'t WriteTransaction,
        base: &'t Base<'t>,
        room: usize,
    ) -> Result<Self, Fault> {
        Ok(Self {
            entries: writing.open_table(ENTRIES)?,
            names: writing.open_table(BUCKETS)?,
            changes: writing.open_table(CHANGES)?,
            expiry: writing.open_table(EXPIRY)?,
            base,
            marks: base.marks.clone(),
            buckets: Vec::new(),
            live: Vec::new(),
            redo: Redo::new(base.now, room),
            has_changed: false,
        })
    }

    pub(crate) fn serve(&mut self, requests: &[Request]) -> Result<Vec<Result<Outcome>>, Fault> {
        self.sweep()?;
        let mut outcomes = Vec::with_capacity(requests.len());
        for request in requests {
            outcomes.push(match self.operate(&request.operation) {
                Ok(outcome) => Ok(outcome),
                Err(Fault::Answer(error @ Error::Invalid(_))) => Err(error),
                Err(fault) => return Err(fault),
            });
        }
        self.trim()?;
        // While a key has a time to live, the next opening must start from a recent mark.
        let strays = |last: Mark| self.base.now.strays_from(last);
        let has_due = self.expiry.first()?.is_some();
        if has_due && self.marks.time.is_none_or(strays) {
            self.has_changed = true;
        }
        Ok(outcomes)
    }

    /// Whether there is something to commit.
    pub(crate) fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// Lets the group be committed, even if there is nothing to commit.
    pub(crate) fn mark_changed(&mut self) {
        self.has_changed = true;
    }

    /// Does again what a frame of the log states.
    pub(crate) fn redo(&mut self, effects: &[Effect<'_>]) -> Result<(), Fault> {
        self.has_changed = true;
        for effect in effects {
            match *effect {
                Effect::Bucket(name) => {
                    self.create_bucket(name)?;
                }
                Effect::Set {
                    bucket,
                    key,
                    expires,
                    value,
                } => {
                    self.put(bucket, key, value, expires)?;
                }
                Effect::Deleted { bucket, key } => self.remove_again(bucket, key, Kind::Deleted)?,
                Effect::Expired { bucket, key } => self.remove_again(bucket, key, Kind::Expired)?,
            }
        }
        self.trim()
    }

    fn remove_again(&mut self, bucket: u32, key: &str, kind: Kind<'_>) -> Result<(), Fault> {
        let joined = entry::key(bucket, key);
        let header = match self.entries.get(&joined[..])? {
            Some(stored) => Header::split(stored.value())?.0,
            None => return Err(Fault::corrupt("the log removes a key that is not there")),
        };
        self.remove(&joined, header, kind)
    }

    /// Ends the group, whose commit has this number.
    pub(crate) fn settle(
        mut self,
        writing: &WriteTransaction,
        number: u64,
        outcomes: Vec<Result<Outcome>>,
    ) -> Result<(Settled, Redo), Fault> {
        self.marks.next_due = match self.expiry.first()? {
            Some((row, _)) => Some(entry::split_expiry_row(row.value())?.0),
            None => None,
        };
        if self.has_changed {
            let mut meta = writing.open_table(META)?;
            meta.insert(META_COMMIT, number)?;
            meta.insert(META_SEQUENCE, self.marks.sequence)?;
            if self.marks.live > 0 {
                meta.insert(META_LIVE, self.marks.live)?;
            }
            meta.insert(META_HISTORY_BYTES, self.marks.history_bytes)?;
            meta.insert(META_TIME, self.base.now.store)?;
            meta.insert(META_DAY, self.base.now.day)?;
            self.marks.time = Some(self.base.now);
        }
        let settled = Settled {
            marks: self.marks,
            buckets: self.buckets,
            live: self.live,
            outcomes,
        };
        Ok((settled, self.redo))
    }

    fn operate(&mut self, operation: &WriterOperation) -> Result<Outcome, Fault> {
        match operation {
            WriterOperation::Write(bucket, write) => self.write(bucket, write),
            WriterOperation::Transact(planned) => self.transact(planned).map(Outcome::Transacted),
            WriterOperation::Probe | WriterOperation::Mend(_) | WriterOperation::Run(_) => {
                Ok(Outcome::Done)
            }
        }
    }

    fn write(&mut self, bucket: &BucketName, write: &Write) -> Result<Outcome, Fault> {
        match write {
            Write::Set(key, value, ttl) => {
                let expires = self.expires(*ttl);
                let version = self.set(bucket, key, value, expires)?;
                Ok(Outcome::Written(version))
            }
            Write::Delete(key) => {
                self.delete(bucket, key)?;
                Ok(Outcome::Done)
            }
            Write::SwapSet(key, expected, value, ttl) => {
                if !self.matches(bucket, key, expected)? {
                    return Ok(Outcome::Swapped(Swap::Stale));
                }
                let expires = self.expires(*ttl);
                let version = self.set(bucket, key, value, expires)?;
                Ok(Outcome::Swapped(Swap::Done(Some(version))))
            }
            Write::SwapDelete(key, expected) => {
                if !self.matches(bucket, key, expected)? {
                    return Ok(Outcome::Swapped(Swap::Stale));
                }
                self.delete(bucket, key)?;
                Ok(Outcome::Swapped(Swap::Done(None)))
            }
            Write::Increment(key, delta, ttl) => {
                let (sum, expires) = self.sum(bucket, key, *delta, *ttl)?;
                self.set(bucket, key, &counter::text(sum), expires)?;
                Ok(Outcome::Counted(sum))
            }
            Write::SetMany(entries) => {
                for (key, value) in entries {
                    self.set(bucket, key, value, 0)?;
                }
                Ok(Outcome::Done)
            }
            Write::DeleteMany(keys) => {
                for key in keys {
                    self.delete(bucket, key)?;
                }
                Ok(Outcome::Done)
            }
        }
    }

    /// The value of a counter after this increment, and when its key expires.
    pub(crate) fn sum(
        &mut self,
        bucket: &BucketName,
        key: &str,
        delta: i64,
        ttl: Option<u64>,
    ) -> Result<(i64, u64), Fault> {
        let current = self.current(bucket, key)?;
        let value = current.as_ref().map(|current| &current.value[..]);
        let sum = counter::add(value, delta)?;
        let expires = match current {
            Some(current) => current.header.expires,
            None => self.expires(ttl),
        };
        Ok((sum, expires))
    }

    /// Writes a value, and assigns the bucket a number if it has none.
    pub(crate) fn set(
        &mut self,
        bucket: &BucketName,
        key: &str,
        value: &[u8],
        expires: u64,
    ) -> Result<Version, Fault> {
        let bucket = match self.find(bucket) {
            Some(number) => number,
            None => self.create_bucket(bucket.as_str())?,
        };
        self.put(bucket, key, value, expires)
    }

    fn put(
        &mut self,
        bucket: u32,
        key: &str,
        value: &[u8],
        expires: u64,
    ) -> Result<Version, Fault> {
        let joined = entry::key(bucket, key);
        let before = self.header(&joined)?.map_or(0, |header| header.expires);
        if before != expires {
            if before != 0 {
                self.expiry
                    .remove(&entry::expiry_row(before, &joined)[..])?;
            }
            if expires != 0 {
                self.expiry
                    .insert(&entry::expiry_row(expires, &joined)[..], ())?;
            }
        }
        self.redo.push(Effect::Set {
            bucket,
            key,
            expires,
            value,
        });
        let version = self.log(bucket, key, Kind::Set(value))?;
        let mut buffer = self
            .entries
            .insert_reserve(&joined[..], Header::BYTES + value.len())?;
        Header { version, expires }.fill(buffer.as_mut(), value);
        Ok(Version::from(version))
    }

    /// Removes a key; whether it was there.
    pub(crate) fn delete(&mut self, bucket: &BucketName, key: &str) -> Result<bool, Fault> {
        if let Some(bucket) = self.find(bucket) {
            let joined = entry::key(bucket, key);
            if let Some(header) = self.header(&joined)? {
                self.remove(&joined, header, Kind::Deleted)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn remove(&mut self, joined: &[u8], header: Header, kind: Kind<'_>) -> Result<(), Fault> {
        let (bucket, key) = entry::split_key(joined)?;
        self.entries.remove(joined)?;
        if header.expires != 0 {
            self.expiry
                .remove(&entry::expiry_row(header.expires, joined)[..])?;
        }
        self.redo.push(match kind {
            Kind::Expired => Effect::Expired { bucket, key },
            Kind::Set(_) | Kind::Deleted => Effect::Deleted { bucket, key },
        });
        self.log(bucket, key, kind)?;
        Ok(())
    }

    pub(crate) fn matches(
        &mut self,
        bucket: &BucketName,
        key: &str,
        expected: &Expected,
    ) -> Result<bool, Fault> {
        let header = match self.find(bucket) {
            Some(bucket) => self.header(&entry::key(bucket, key))?,
            None => None,
        };
        Ok(match (expected, header) {
            (Expected::Absent, None) => true,
            (Expected::At(version), Some(header)) => version.as_u64() == Some(header.version),
            (Expected::Absent, Some(_)) | (Expected::At(_), None) => false,
        })
    }

    fn current(&mut self, bucket: &BucketName, key: &str) -> Result<Option<Current>, Fault> {
        let Some(bucket) = self.find(bucket) else {
            return Ok(None);
        };
        let joined = entry::key(bucket, key);
        let Some(header) = self.header(&joined)? else {
            return Ok(None);
        };
        let Some(stored) = self.entries.get(&joined[..])? else {
            return Ok(None);
        };
        let (_, value) = Header::split(stored.value())?;
        let value = Bytes::copy_from_slice(value);
        Ok(Some(Current { header, value }))
    }

    /// The header of an entry. Removes the entry if it has expired, so that watches deliver the
    /// expiration before the next write.
    fn header(&mut self, joined: &[u8]) -> Result<Option<Header>, Fault> {
        let found = match self.entries.get(joined) {
            Ok(Some(stored)) => Header::split(stored.value()).map(|(header, _)| header),
            Ok(None) => return Ok(None),
            Err(error) => Err(error.into()),
        };
        let named = |fault: Fault| fault.at(|| self.base.directory.describe(joined));
        let header = found.map_err(named)?;
        if header.lives(|| self.base.now.store) {
            return Ok(Some(header));
        }
        self.remove(joined, header, Kind::Expired)?;
        Ok(None)
    }

    fn find(&self, bucket: &BucketName) -> Option<u32> {
        let made_here = || {
            let (_, number) = self
                .buckets
                .iter()
                .find(|(name, _)| **name == *bucket.as_str())?;
            Some(*number)
        };
        self.base.directory.find(bucket).or_else(made_here)
    }

    fn create_bucket(&mut self, name: &str) -> Result<u32, Fault> {
        let number = self.marks.next_bucket;
        self.marks.next_bucket += 1;
        self.redo.push(Effect::Bucket(name));
        self.names.insert(name, number)?;
        self.buckets.push((Arc::from(name), number));
        Ok(number)
    }

    /// Whether a bucket keeps no history.
    fn is_reserved(&self, bucket: u32) -> bool {
        let made_here = || {
            self.buckets
                .iter()
                .any(|(name, number)| *number == bucket && directory::is_reserved(name))
        };
        self.base.directory.is_reserved(bucket) || made_here()
    }

    /// Assigns a version to a change, and appends it to the history of buckets that keep one.
    fn log(&mut self, bucket: u32, key: &str, kind: Kind<'_>) -> Result<u64, Fault> {
        self.has_changed = true;
        if self.is_reserved(bucket) {
            return Ok(self.log_live(Record { bucket, key, kind }));
        }
        self.marks.sequence += 1;
        let sequence = self.marks.sequence;
        if self.base.history.is_kept() {
            let record = Record { bucket, key, kind };
            let bytes = record.stored_bytes();
            let mut buffer = self.changes.insert_reserve(sequence, bytes)?;
            record.fill(buffer.as_mut());
            self.marks.history_bytes += bytes as u64;
        } else {
            self.marks.oldest = sequence + 1;
        }
        Ok(sequence)
    }

    /// Sequence numbers are of the history alone, which has no gaps.
    fn log_live(&mut self, record: Record<'_>) -> u64 {
        let version = self.marks.live.max(self.marks.sequence) + 1;
        self.marks.live = version;
        if self.base.is_live_watched {
            self.live.push(LiveEvent {
                bucket: record.bucket,
                event: record.event(version),
                bytes: record.stored_bytes(),
            });
        }
        version
    }

    /// Removes expired entries.
    fn sweep(&mut self) -> Result<(), Fault> {
        for _ in 0..SWEEP {
            let row = match self.expiry.first()? {
                Some((row, _)) => row.value().to_vec(),
                None => break,
            };
            let (expires, joined) = entry::split_expiry_row(&row)?;
            if self.base.now.store < expires {
                break;
            }
            // Reading the entry removes it and its row. A row without an entry should not exist; if it
            // does, it must not be found again for ever.
            self.header(joined)?;
            if self.expiry.remove(&row[..])?.is_some() {
                self.has_changed = true;
            }
        }
        Ok(())
    }

    /// Drops events past the limits of the history, but none of this transaction: a watch that keeps
    /// up misses no event.
    fn trim(&mut self) -> Result<(), Fault> {
        let before = self.base.marks.sequence;
        let written = usize::try_from(self.marks.sequence - before).unwrap_or(usize::MAX);
        let History { events, bytes } = self.base.history;
        for _ in 0..written.saturating_add(TRIM) {
            let kept = self.marks.sequence + 1 - self.marks.oldest;
            let is_within = kept <= events && self.marks.history_bytes <= bytes;
            if is_within || self.marks.oldest > before {
                break;
            }
            let Some((_, change)) = self.changes.pop_first()? else {
                break;
            };
            let freed = change.value().len() as u64;
            self.marks.history_bytes = self.marks.history_bytes.saturating_sub(freed);
            self.marks.oldest += 1;
            self.has_changed = true;
        }
        Ok(())
    }

    pub(crate) fn expires(&self, ttl: Option<u64>) -> u64 {
        ttl.map_or(0, |ttl| self.base.now.store.saturating_add(ttl))
    }
}
