use std::path::Path;
use std::sync::Arc;

use keywell_store::{Answer, Bucket, BucketName, Result, Store};
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::bucket::DiskBucket;
use crate::clock::Clock;
use crate::database::Making;
use crate::directory::Directory;
use crate::lock::Lock;
use crate::open::{Core, Handle, Open};
use crate::operation::{Operation, Outcome};
use crate::queue::Queue;
use crate::source::Source;
use crate::writer::Writer;
use crate::{OpenError, Options, database, page};

/// A store in a folder on this machine.
///
/// It is open for as long as the store, one of its buckets, or one of their answers or watches
/// lives, or until it is closed. Letting go of the last of them waits for the writes in progress:
/// a few milliseconds on a working disk.
#[derive(Clone, Debug)]
pub struct DiskStore(Arc<Open>);

// === impl DiskStore ===

impl DiskStore {
    /// Opens the store in this folder, and makes it where there is none.
    ///
    /// A new folder is readable by its owner only. It holds the database in `data.redb`, and
    /// `lock`, by which one process at a time has the store. Whatever else is in it is left alone.
    ///
    /// It reads and writes the disk before it returns, a few pages whatever the size of the store.
    /// After a crash it takes no longer.
    ///
    /// # Errors
    ///
    /// [`OpenError::Locked`] names the process that has the store open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::builder().open(path)
    }

    /// Opens a store with other than the usual limits.
    pub fn builder() -> Options {
        Options::default()
    }

    pub(crate) fn start(
        options: &Options,
        source: Source,
        lock: Option<Lock>,
        making: Making,
    ) -> Result<Self, OpenError> {
        let opened = database::open(&source, options, making)?;
        let directory = Directory::default();
        directory.replace(opened.buckets);
        let core = Arc::new(Core {
            handle: RwLock::new(Handle::Open(opened.database, 1)),
            directory,
            queue: Queue::new(),
            progress: watch::Sender::new(Some(opened.marks.sequence)),
            history: options.history,
            clock: Clock::resume(options.machine.clone(), opened.marks.time),
            store: opened.store,
        });
        let writer = Writer::start(core.clone(), source, options.clone(), lock, opened.marks)?;
        Ok(Self(Arc::new(Open::new(core, writer))))
    }
}

impl Store for DiskStore {
    fn is_exclusive(&self) -> bool {
        true
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Answer::now(Arc::new(DiskBucket::new(self.0.clone(), name.clone())))
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        let known = self.0.core().directory.all();
        let clock = self.0.core().clock.clone();
        self.0.read(move |reading| {
            let mut names = Vec::new();
            for (name, number) in &known {
                if page::is_inhabited(reading, *number, &clock)? {
                    names.push(BucketName::parse(name)?);
                }
            }
            Ok(names)
        })
    }

    /// Commits a transaction in which nothing is written, and waits for the disk.
    fn health(&self) -> Answer<()> {
        self.0.write(Operation::Probe, |outcome| match outcome {
            Outcome::Done => Some(()),
            _ => None,
        })
    }

    /// Waits until what was accepted is durable, and closes the file: another process can open it
    /// when this is answered. Reads after it answer `Unavailable` too.
    fn close(&self) -> Answer<()> {
        self.0.close()
    }
}
