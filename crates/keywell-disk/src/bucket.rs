use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use keywell_store::{
    Answer, Batching, Bucket, BucketName, Capabilities, Cas, Change, Durability, Entry, Error,
    Expected, Expires, Filter, Invalid, List, Listing, Page, Part, Promptness, Result, Set, Since,
    Swap, ValueBytes, Version, Watch, Watching, reserved,
};
use redb::ReadOnlyTable;

use crate::entry::{self, Header};
use crate::error::Fault;
use crate::limits::LIMITS;
use crate::open::Open;
use crate::operation::{Outcome, Write, WriterOperation};
use crate::planned::TRANSACTING;
use crate::snapshot::Snapshot;
use crate::{follow, page, watch};

/// A bucket of a store on disk.
#[derive(Debug)]
pub(crate) struct DiskBucket {
    open: Arc<Open>,
    name: BucketName,
    /// Whether watches resume.
    keeps_history: bool,
    /// Set once the bucket has held something.
    number: OnceLock<u32>,
}

// === impl DiskBucket ===

impl DiskBucket {
    pub(crate) fn new(open: Arc<Open>, name: BucketName) -> Self {
        Self {
            open,
            keeps_history: !reserved::is_reserved(&name),
            name,
            number: OnceLock::new(),
        }
    }

    fn number(&self) -> Option<u32> {
        if let Some(number) = self.number.get() {
            return Some(*number);
        }
        let number = self.open.core().directory.find(&self.name)?;
        Some(*self.number.get_or_init(|| number))
    }

    /// Looks up entries in one snapshot, if their values have at most `max` bytes in total.
    fn look_up_many(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let Some(number) = self.number() else {
            return Answer::now(keys.iter().map(|_| None).collect());
        };
        let keys: Vec<_> = keys.iter().map(|key| entry::key(number, key)).collect();
        let open = self.open.clone();
        self.open.read(move |snapshot| {
            let core = open.core();
            let mut bytes = ValueBytes::new(max);
            // The value of a duplicate key is read once.
            let mut known: HashMap<&[u8], Option<Entry>> = HashMap::with_capacity(keys.len());
            let read = keys.iter().map(|key| {
                if let Some(entry) = known.get(&key[..]) {
                    bytes.add_entry(entry.as_ref())?;
                    return Ok(entry.clone());
                }
                let found = look_up(
                    &snapshot.entries,
                    key,
                    || core.clock.now(),
                    |header, expires, value| {
                        bytes.add(value.len())?;
                        Ok::<_, Error>(header.entry(expires, value))
                    },
                )
                .map_err(|fault| fault.at(|| core.directory.describe(key)))?;
                let entry = found.transpose()?;
                known.insert(key, entry.clone());
                Ok(entry)
            });
            read.collect()
        })
    }

    fn look_up<T: Send + 'static>(
        &self,
        key: &str,
        found: impl Fn(Header, Expires, &[u8]) -> Result<T> + Send + 'static,
    ) -> Answer<Option<T>> {
        let Some(number) = self.number() else {
            return Answer::now(None);
        };
        let key = entry::key(number, key);
        let open = self.open.clone();
        self.open.read(move |snapshot: &Snapshot| {
            let core = open.core();
            let found = look_up(&snapshot.entries, &key, || core.clock.now(), &found)
                .map_err(|fault| fault.at(|| core.directory.describe(&key)))?;
            Ok(found.transpose()?)
        })
    }

    fn write<T: 'static>(&self, write: Write, read: fn(Outcome) -> Option<T>) -> Answer<T> {
        self.open
            .write(WriterOperation::Write(self.name.clone(), write), read)
    }

    /// Performs a write whose outcome carries no value.
    fn write_without_answer(&self, write: Write) -> Answer<()> {
        self.write(write, |outcome| match outcome {
            Outcome::Done => Some(()),
            _ => None,
        })
    }
}

fn look_up<T>(
    entries: &ReadOnlyTable<&'static [u8], &'static [u8]>,
    key: &[u8],
    now: impl FnOnce() -> u64,
    found: impl FnOnce(Header, Expires, &[u8]) -> T,
) -> Result<Option<T>, Fault> {
    let Some(stored) = entries.get(key)? else {
        return Ok(None);
    };
    let (header, value) = Header::split(stored.value())?;
    let expires = header.expires(now);
    Ok(expires.map(|expires| found(header, expires, value)))
}

impl Bucket for DiskBucket {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            promptness: Promptness::Waits,
            cas: Cas::ByVersion,
            increment: true,
            list: Listing::Ordered,
            batch: Batching::Atomic,
            watch: match self.open.core().history.is_kept() {
                false => Watching::None,
                true if self.keeps_history => Watching::Resumable,
                true => Watching::Lossy,
            },
            ttl: true,
            transact: TRANSACTING,
            durability: Durability::Synced,
            ..Capabilities::of(LIMITS)
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.look_up(key, move |header, expires, value| {
            let bytes = value.len();
            if bytes > max {
                return Err(Invalid::ValueTooLarge { bytes, max }.into());
            }
            Ok(header.entry(expires, value))
        })
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        self.look_up(key, |_, _, _| Ok(()))
            .map(|found| found.is_some())
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let ttl = match LIMITS
            .check_entry(key, &value)
            .and_then(|()| how.ttl_millis())
        {
            Ok(ttl) => ttl,
            Err(error) => return error.into(),
        };
        let write = Write::Set(key.to_owned(), value, ttl);
        self.write(write, |outcome| match outcome {
            Outcome::Written(version) => Some(version),
            _ => None,
        })
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.write_without_answer(Write::Delete(key.to_owned()))
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let key = key.to_owned();
        let write = match change {
            Change::Set(value, how) => {
                let ttl = match LIMITS
                    .check_entry(&key, &value)
                    .and_then(|()| how.ttl_millis())
                {
                    Ok(ttl) => ttl,
                    Err(error) => return error.into(),
                };
                Write::SwapSet(key, expected, value, ttl)
            }
            Change::Delete => Write::SwapDelete(key, expected),
        };
        self.write(write, |outcome| match outcome {
            Outcome::Swapped(swap) => Some(swap),
            _ => None,
        })
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let ttl = match LIMITS.check_length(key).and_then(|()| created.ttl_millis()) {
            Ok(ttl) => ttl,
            Err(error) => return error.into(),
        };
        let write = Write::Increment(key.to_owned(), delta, ttl);
        self.write(write, |outcome| match outcome {
            Outcome::Counted(sum) => Some(sum),
            _ => None,
        })
    }

    /// Reads all keys in one snapshot.
    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.look_up_many(keys, max)
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        if let Err(error) = LIMITS.check_entries(&entries) {
            return error.into();
        }
        let last: HashMap<&str, usize> = entries
            .iter()
            .enumerate()
            .map(|(at, (key, _))| (*key, at))
            .collect();
        let mut write = Vec::with_capacity(last.len());
        for (at, (key, value)) in entries.iter().enumerate() {
            if last.get(key) == Some(&at) {
                write.push(((*key).to_owned(), value.clone()));
            }
        }
        if write.is_empty() {
            return Answer::now(());
        }
        self.write_without_answer(Write::SetMany(write))
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        if keys.is_empty() {
            return Answer::now(());
        }
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        self.write_without_answer(Write::DeleteMany(keys))
    }

    fn admit(&self, part: Part) -> Result<Part> {
        LIMITS.check_entry(&part.key, part.value().unwrap_or_default())?;
        Ok(part.of(self.open.core().id, self.name.clone()))
    }

    fn list(&self, request: List) -> Answer<Page> {
        let name = self.name.clone();
        let scope = format!("disk/{name}");
        let number = self.number();
        let clock = self.open.core().clock.clone();
        self.open.read(move |snapshot| {
            page::read(&snapshot.entries, &scope, number, &request, &clock)
                .map_err(|fault| fault.at(|| format!("the bucket {:?}", name.as_str())))
        })
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        if !self.open.core().history.is_kept() {
            return Error::Unsupported("watching").into();
        }
        match since {
            since if self.keeps_history => watch::open(&self.open, &self.name, filter, &since),
            Since::Now => follow::open(&self.open, &self.name, filter),
            Since::After(_) => Error::Invalid(Invalid::Token).into(),
        }
    }
}
