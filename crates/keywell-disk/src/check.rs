//! Reads all of a data file, changes nothing in it, and reports what is damaged.

use std::fmt;
use std::io;

use redb::{ReadableDatabase, ReadableTable, StorageBackend};

use crate::directory::Directory;
use crate::entry::{self, Header};
use crate::error::{Fault, undamaged};
use crate::folder::Claimed;
use crate::log::{Log, Scanned};
use crate::marks::Stored;
use crate::pages::Pages;
use crate::record::Record;
use crate::source::Source;
use crate::superblock::Superblock;
use crate::tables::{BUCKETS, CHANGES, ENTRIES, EXPIRY};
use crate::trial::{self, Trial};
use crate::{DiskStore, OpenError, Options, marks, replay};

/// What a check of a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// How many keys could be read, expired ones included.
    pub keys: u64,
    /// How many events of the history could be read.
    pub events: u64,
    /// How many pages the file has.
    pub pages: u64,
    /// How many groups of writes are in the log only, as after a crash.
    pub logged: usize,
    /// The number of the last group of writes: where the log ends.
    pub last: u64,
    /// Pages that hold no data and differ from their checksum, as after a power loss.
    pub unused: Vec<String>,
    /// What is damaged.
    pub damage: Vec<String>,
}

// === impl Checked ===

impl Checked {
    /// Whether all data is whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damage.is_empty()
    }

    fn note(&mut self, error: &dyn std::error::Error) {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(error) = next {
            text = format!("{text}: {error}");
            next = error.source();
        }
        self.damage.push(text);
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            keys,
            events,
            pages,
            logged,
            last,
            ..
        } = self;
        writeln!(f, "{keys} keys, {events} events, {pages} pages")?;
        writeln!(
            f,
            "the log ends with commit {last}; {logged} are in the log only"
        )?;
        for unused in &self.unused {
            writeln!(f, "without data: {unused}")?;
        }
        for damage in &self.damage {
            writeln!(f, "damaged: {damage}")?;
        }
        Ok(())
    }
}

// === impl DiskStore ===

impl DiskStore {
    /// Reads all of the store in this folder and reports what is damaged. Writes nothing to its data.
    ///
    /// The store must not be open. A copy of the folder of an open store can be checked.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open) that concern the folder, and I/O errors.
    pub fn check(path: impl AsRef<std::path::Path>) -> Result<Checked, OpenError> {
        let options = Options::default().existing();
        let (source, lock, _) = Claimed::claim(path.as_ref(), &options)?.into_parts();
        let checked = check(&source, &options);
        drop(lock);
        checked
    }
}

// === impl Options ===

impl Options {
    /// Checks a store on any storage: see [`DiskStore::check`] and
    /// [`open_storage`](Self::open_storage).
    pub fn check_storage(
        self,
        storage: impl Fn() -> io::Result<Box<dyn StorageBackend>> + Send + 'static,
    ) -> Result<Checked, OpenError> {
        check(&Source::new(storage), &self)
    }
}

fn check(source: &Source, options: &Options) -> Result<Checked, OpenError> {
    let mut checked = Checked::default();
    let file = source.open()?;
    let superblock = match Superblock::read(&*file) {
        Ok(superblock) => superblock,
        Err(error) => {
            checked.note(&error);
            return Ok(checked);
        }
    };
    let scanned = Log::scan(file.clone(), &superblock);
    if let Err(error) = &scanned {
        checked.note(error);
    }
    let pages = Pages::new(file, &superblock);
    if let Err(error) = trial::check(&pages, options) {
        checked.note(&error);
        return Ok(checked);
    }
    checked.pages = pages.count()?;
    let mut suspect = Vec::new();
    for page in 0..checked.pages {
        suspect.extend(pages.examine(page)?.map(|damaged| damaged.to_string()));
    }
    let scanned = scanned.ok();
    match undamaged(|| read(&pages, scanned.as_ref(), options, &mut checked)) {
        Ok(()) => checked.unused = suspect,
        Err(error) => {
            checked.note(&error);
            checked.damage.extend(suspect);
        }
    }
    Ok(checked)
}

/// Reads everything that the database and the log hold.
fn read(
    pages: &Pages,
    scanned: Option<&Scanned>,
    options: &Options,
    checked: &mut Checked,
) -> Result<(), OpenError> {
    let mut database = redb::Builder::new()
        .set_cache_size(options.cache_bytes)
        .create_with_backend(Trial::of(pages.clone())?)?;
    if let Some(scanned) = scanned {
        checked.logged = replay::apply(&database, scanned, options.history)?;
    }
    read_tables(&database, checked)?;
    database.check_integrity()?;
    Ok(())
}

fn read_tables(database: &redb::Database, checked: &mut Checked) -> Result<(), OpenError> {
    let Stored {
        marks,
        buckets,
        commit,
    } = marks::read(database)?;
    checked.last = commit;
    let directory = Directory::default();
    directory.replace(buckets);
    let reading = database.begin_read()?;
    for row in reading.open_table(BUCKETS)?.iter()? {
        row?;
    }
    let expiry = reading.open_table(EXPIRY)?;
    let mut expiring = 0u64;
    let mut last = Vec::new();
    for row in reading.open_table(ENTRIES)?.iter()? {
        let after = || match &last[..] {
            [] => "the first keys".to_owned(),
            last => format!("the keys after {}", directory.describe(last)),
        };
        let (joined, stored) = row.map_err(|error| Fault::from(error).at(after))?;
        let joined = joined.value();
        entry::split_key(joined)?;
        let (header, _) = Header::split(stored.value())?;
        if header.expires != 0 {
            expiring += 1;
            let row = entry::expiry_row(header.expires, joined);
            if expiry.get(&row[..])?.is_none() {
                let what = directory.describe(joined);
                return Err(OpenError::damaged(format!("{what}: it would not expire")));
            }
        }
        checked.keys += 1;
        last = joined.to_vec();
    }
    let rows = redb::ReadableTableMetadata::len(&expiry)?;
    if rows != expiring {
        return Err(OpenError::damaged("the index of what expires"));
    }
    let mut bytes = 0;
    let mut expected = marks.oldest;
    for row in reading.open_table(CHANGES)?.iter()? {
        let (sequence, stored) = row?;
        if sequence.value() != expected {
            return Err(OpenError::damaged("the history: an event is missing"));
        }
        Record::read(stored.value())?;
        expected += 1;
        bytes += stored.value().len() as u64;
        checked.events += 1;
    }
    if expected != marks.sequence + 1 || bytes != marks.history_bytes {
        return Err(OpenError::damaged("the history: its end is missing"));
    }
    Ok(())
}
