//! Reads what is whole of a damaged store.
//!
//! A damaged page ends an iteration. So keys are read from both ends, and then from the middle of
//! each gap that remains, in both directions, until gaps are too small.

use std::collections::VecDeque;
use std::ops::Bound;
use std::path::Path;
use std::{fmt, io};

use keywell_store::{BucketName, Entry};
use redb::ReadableDatabase;

use crate::clock::Clock;
use crate::directory::Directory;
use crate::entry::{self, Header};
use crate::error::{Fault, undamaged};
use crate::folder::Claimed;
use crate::log::Log;
use crate::marks::Stored;
use crate::pages::Pages;
use crate::source::Source;
use crate::superblock::Superblock;
use crate::tables::ENTRIES;
use crate::trial::Trial;
use crate::{DiskStore, OpenError, Options, marks, page, replay};

/// How many keys are tried in gaps. Each costs opening the database.
const PROBES: usize = 500;

/// What was read of a damaged bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Salvaged {
    /// How many entries were read.
    pub keys: u64,
    /// Between which keys others may be missing.
    pub gaps: Vec<String>,
    /// The other buckets that hold something, or may.
    pub buckets: Vec<BucketName>,
    /// Whether the log could not be read, so that the last writes are missing.
    pub is_log_lost: bool,
}

/// Keys after one and before another.
struct Gap {
    after: Bound<Vec<u8>>,
    before: Bound<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum End {
    First,
    Last,
}

/// A database with damaged pages. Writes to it stay in memory.
struct Reader {
    trial: Trial,
    cache_bytes: usize,
    database: Option<redb::Database>,
}

// === impl Salvaged ===

impl fmt::Display for Salvaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} keys were read", self.keys)?;
        if self.is_log_lost {
            writeln!(
                f,
                "the log is damaged: writes since the last checkpoint are missing"
            )?;
        }
        for gap in &self.gaps {
            writeln!(f, "keys may be missing {gap}")?;
        }
        for bucket in &self.buckets {
            writeln!(f, "another bucket: {bucket}")?;
        }
        Ok(())
    }
}

// === impl DiskStore ===

impl DiskStore {
    /// Reads the entries of a bucket that are whole, from a store that is damaged and not open.
    /// Writes nothing to it.
    ///
    /// Entries come in no order. What is missing is reported as gaps; a gap may hold nothing. If the
    /// damage is in the first block, or in what leads to all entries, nothing can be read.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn salvage(
        path: impl AsRef<Path>,
        bucket: &BucketName,
        keep: impl FnMut(&str, Entry),
    ) -> Result<Salvaged, OpenError> {
        let options = Options::default().existing();
        let (source, lock, _) = Claimed::claim(path.as_ref(), &options)?.into_parts();
        let salvaged = salvage(&source, &options, bucket, keep);
        drop(lock);
        salvaged
    }
}

// === impl Options ===

impl Options {
    /// Salvages from any storage: see [`DiskStore::salvage`] and
    /// [`open_storage`](Self::open_storage).
    pub fn salvage_storage(
        self,
        storage: impl Fn() -> io::Result<Box<dyn redb::StorageBackend>> + Send + 'static,
        bucket: &BucketName,
        keep: impl FnMut(&str, Entry),
    ) -> Result<Salvaged, OpenError> {
        salvage(&Source::new(storage), &self, bucket, keep)
    }
}

fn salvage(
    source: &Source,
    options: &Options,
    bucket: &BucketName,
    mut keep: impl FnMut(&str, Entry),
) -> Result<Salvaged, OpenError> {
    let mut salvaged = Salvaged::default();
    let file = source.open()?;
    let superblock = Superblock::read(&*file)?;
    let scanned = Log::scan(file.clone(), &superblock);
    let mut reader = Reader {
        trial: Trial::as_stated(Pages::new(file, &superblock))?,
        cache_bytes: options.cache_bytes,
        database: None,
    };
    let replayed = match &scanned {
        Ok(scanned) => reader.run(|database| {
            replay::apply(database, scanned, options.history)?;
            replay::make_durable(database)
        }),
        Err(_) => Ok(None),
    };
    salvaged.is_log_lost = !matches!(replayed, Ok(Some(())));
    let read = reader.run(marks::read)?;
    let Some(Stored { marks, buckets, .. }) = read else {
        return Err(OpenError::damaged("what leads to all entries"));
    };
    let clock = Clock::resume(options.machine.clone(), marks.time);
    let directory = Directory::default();
    directory.replace(buckets);
    for (name, number) in directory.all() {
        let Ok(name) = BucketName::parse(&name) else {
            continue;
        };
        let inhabited = reader.run(|database| {
            let table = database.begin_read()?.open_table(ENTRIES)?;
            Ok(page::is_inhabited(&table, number, &clock)?)
        })?;
        if name != *bucket && inhabited.unwrap_or(true) {
            salvaged.buckets.push(name);
        }
    }
    let Some(number) = directory.find(bucket) else {
        return Ok(salvaged);
    };
    let mut keys = 0;
    let mut take = |joined: &[u8], stored: &[u8]| {
        let (_, key) = entry::split_key(joined)?;
        let (header, value) = Header::split(stored)?;
        if let Some(expires) = header.expires(|| clock.now()) {
            keys += 1;
            keep(key, header.entry(expires, value));
        }
        Ok(())
    };
    for gap in reader.read_all(Gap::of_bucket(number), &mut take)? {
        salvaged.gaps.push(gap.describe());
    }
    salvaged.keys = keys;
    Ok(salvaged)
}

// === impl Gap ===

impl Gap {
    fn of_bucket(number: u32) -> Self {
        let first = entry::key(number, "");
        Self {
            before: entry::end_of(&first),
            after: Bound::Included(first),
        }
    }

    fn after(&self) -> &[u8] {
        match &self.after {
            Bound::Included(after) | Bound::Excluded(after) => after,
            Bound::Unbounded => &[],
        }
    }

    /// A key halfway between the ends; none if they are too close.
    fn middle(&self) -> Option<Vec<u8>> {
        let after = self.after();
        // No end is the end of all keys.
        let before = match &self.before {
            Bound::Included(before) | Bound::Excluded(before) => &before[..],
            Bound::Unbounded => &[u8::MAX; 64],
        };
        let middle = halfway(after, before);
        (*middle > *after && *middle < *before).then_some(middle)
    }

    /// In two, at a key.
    fn split(self, at: Vec<u8>) -> [Self; 2] {
        let first = Self {
            after: self.after,
            before: Bound::Excluded(at.clone()),
        };
        let last = Self {
            after: Bound::Included(at),
            before: self.before,
        };
        [first, last]
    }

    fn describe(&self) -> String {
        let text = |joined: &[u8]| {
            String::from_utf8_lossy(joined.get(4..).unwrap_or_default()).into_owned()
        };
        match (&self.after, &self.before) {
            (Bound::Excluded(after), Bound::Excluded(before)) if before.len() > 4 => {
                format!("between {:?} and {:?}", text(after), text(before))
            }
            (Bound::Excluded(after), _) => format!("after {:?}", text(after)),
            (_, Bound::Excluded(before)) if before.len() > 4 => {
                format!("before {:?}", text(before))
            }
            _ => "everywhere".to_owned(),
        }
    }
}

/// The mean of two keys as fractions in base 256, with one digit more than where they differ.
fn halfway(one: &[u8], other: &[u8]) -> Vec<u8> {
    let digit = |key: &[u8], at: usize| key.get(at).copied().map_or(0, u16::from);
    let longest = one.len().max(other.len());
    let same = (0..longest).take_while(|at| digit(one, *at) == digit(other, *at));
    let digits = same.count() + 2;
    // From the last digit on, with what is carried.
    let mut sums: Vec<u16> = (0..digits)
        .map(|at| digit(one, at) + digit(other, at))
        .collect();
    for at in (1..digits).rev() {
        sums[at - 1] += sums[at] >> 8;
        sums[at] &= 0xff;
    }
    let mut carried = 0;
    let halves = sums.into_iter().map(|sum| {
        let half = u16::midpoint(carried * 256, sum);
        carried = sum % 2;
        u8::try_from(half & 0xff).unwrap_or(u8::MAX)
    });
    halves.collect()
}

// === impl Reader ===

impl Reader {
    /// Runs on the database, which is opened again after damage; `None` if it met some.
    fn run<T>(
        &mut self,
        run: impl FnOnce(&redb::Database) -> Result<T, OpenError>,
    ) -> Result<Option<T>, OpenError> {
        let outcome = undamaged::<_, OpenError>(|| {
            let database = match self.database.take() {
                Some(database) => database,
                None => redb::Builder::new()
                    .set_cache_size(self.cache_bytes)
                    .create_with_backend(self.trial.clone())?,
            };
            let value = run(&database)?;
            Ok((database, value))
        });
        match outcome {
            Ok((database, value)) => {
                self.database = Some(database);
                Ok(Some(value))
            }
            Err(error) if error.is_damage() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads all entries that can be reached, and returns the gaps.
    fn read_all(
        &mut self,
        all: Gap,
        take: &mut impl FnMut(&[u8], &[u8]) -> Result<(), Fault>,
    ) -> Result<Vec<Gap>, OpenError> {
        let mut open = VecDeque::from([all]);
        let mut gaps = Vec::new();
        let mut probes = 0;
        while let Some(mut gap) = open.pop_front() {
            probes += 1;
            if self.read(&mut gap, End::First, take)? || self.read(&mut gap, End::Last, take)? {
                continue;
            }
            match gap.middle().filter(|_| probes < PROBES) {
                Some(middle) => open.extend(gap.split(middle)),
                None => gaps.push(gap),
            }
        }
        gaps.sort_by(|one, other| one.after().cmp(other.after()));
        // Gaps side by side are one.
        gaps.dedup_by(|next, gap| {
            let meets = matches!((&gap.before, &next.after), (Bound::Excluded(end), Bound::Included(start)) if end == start);
            if meets {
                gap.before = next.before.clone();
            }
            meets
        });
        Ok(gaps)
    }

    /// Reads from one end of a gap, which becomes smaller; whether it was read whole.
    fn read(
        &mut self,
        gap: &mut Gap,
        end: End,
        take: &mut impl FnMut(&[u8], &[u8]) -> Result<(), Fault>,
    ) -> Result<bool, OpenError> {
        let read = self.run(|database| {
            let table = database.begin_read()?.open_table(ENTRIES)?;
            let (after, before) = (gap.after.clone(), gap.before.clone());
            let mut rows = table.range::<&[u8]>((as_slice(&after), as_slice(&before)))?;
            loop {
                let row = match end {
                    End::First => rows.next(),
                    End::Last => rows.next_back(),
                };
                let Some(row) = row else {
                    return Ok(());
                };
                let (joined, stored) = row?;
                let joined = joined.value();
                take(joined, stored.value())?;
                match end {
                    End::First => gap.after = Bound::Excluded(joined.to_vec()),
                    End::Last => gap.before = Bound::Excluded(joined.to_vec()),
                }
            }
        });
        Ok(read?.is_some())
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_halfway_is_between_its_ends() {
        for (one, other, half) in [
            (&b"a"[..], &b"c"[..], &b"b\0"[..]),
            (b"a", b"b", b"a\x80"),
            (b"k-1", b"k-10", b"k-1\x18\0"),
            (b"a\xff", b"b\x01", b"b\0"),
        ] {
            assert_eq!(halfway(one, other), half, "{one:?} {other:?}");
        }
    }
}
