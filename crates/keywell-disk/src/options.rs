use std::io;
use std::path::Path;

use redb::StorageBackend;

use crate::clock::Machine;
use crate::database::Making;
use crate::folder::Claimed;
use crate::source::Source;
use crate::{DiskStore, OpenError};

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) cache_bytes: usize,
    pub(crate) history: History,
    pub(crate) machine: Machine,
    pub(crate) existing: bool,
}

/// How much of the past is kept for watches that resume. What is kept is within both limits, save
/// that what was written last is always there for watches that keep up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

// === impl Options ===

impl Options {
    /// What of the file is held in memory, read or waiting to be written, in bytes. 64 MiB unless
    /// set.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// How many events are kept for watches that resume. 100,000 unless set; zero keeps none, and
    /// then buckets cannot be watched, and a write takes half the room.
    #[must_use]
    pub fn history_events(mut self, events: u64) -> Self {
        self.history.events = events;
        self
    }

    /// How large the kept events may be together, keys and values, in bytes. 64 MiB unless set;
    /// zero keeps none, as in [`history_events`](Self::history_events).
    #[must_use]
    pub fn history_bytes(mut self, bytes: u64) -> Self {
        self.history.bytes = bytes;
        self
    }

    /// Refuses to make a store where there is none, for whoever only reads.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.existing = true;
        self
    }

    /// Opens the store in this folder, and makes it where there is none: see
    /// [`DiskStore::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<DiskStore, OpenError> {
        let claimed = Claimed::claim(path.as_ref(), &self)?;
        let (source, lock) = claimed.into_parts();
        DiskStore::start(&self, source, Some(lock), Making::Refused)
    }

    /// Opens a store on any storage, such as one that fails in a test, and makes it where the storage
    /// is empty.
    ///
    /// `storage` is called once now, and again each time the database has to be opened anew after
    /// an I/O error; each time it answers the same bytes. The one before was closed by then.
    pub fn open_storage(
        self,
        storage: impl Fn() -> io::Result<Box<dyn StorageBackend>> + Send + 'static,
    ) -> Result<DiskStore, OpenError> {
        let making = if self.existing {
            Making::Refused
        } else {
            Making::Allowed
        };
        DiskStore::start(&self, Source::new(storage), None, making)
    }

    #[cfg(test)]
    pub(crate) fn on(mut self, machine: Machine) -> Self {
        self.machine = machine;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 64 * 1024 * 1024,
            history: History {
                events: 100_000,
                bytes: 64 * 1024 * 1024,
            },
            machine: Machine::this(),
            existing: false,
        }
    }
}

// === impl History ===

impl History {
    pub(crate) fn is_kept(self) -> bool {
        self.events > 0 && self.bytes > 0
    }
}
