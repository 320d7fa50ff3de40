use std::io;
use std::path::Path;
use std::sync::Arc;

use keywell_store::{
    Answer, Bucket, BucketName, Check, Error, Maintenance, Result, Store, StoreId, Transacted,
    Write,
};
use parking_lot::RwLock;
use redb::StorageBackend;
use tokio::sync::watch;

use crate::bucket::DiskBucket;
use crate::clock::Clock;
use crate::compact::{self, compact};
use crate::database::Making;
use crate::directory::Directory;
use crate::folder::{Claimed, Place};
use crate::live::Live;
use crate::lock::Lock;
use crate::open::{Core, Handle, Open};
use crate::operation::{Outcome, WriterOperation};
use crate::planned::Planned;
use crate::queue::Queue;
use crate::snapshot::Latest;
use crate::source::Source;
use crate::writer::Writer;
use crate::{OpenError, Options, database, page};

/// A store in a folder on this machine.
///
/// It stays open until it is closed, or until the store, its buckets, their answers and watches are
/// all dropped. The last drop waits for writes in progress: a few milliseconds on a working disk.
#[derive(Clone, Debug)]
pub struct DiskStore(Arc<Open>);

// === impl DiskStore ===

impl DiskStore {
    /// Opens the store in this folder, and creates it if there is none.
    ///
    /// A new folder is readable by its owner only. It holds the database in `data.redb`, and `lock`,
    /// which ensures that one process at a time has the store open. Other files in it are left alone.
    ///
    /// Opening reads the log and a few pages, whatever the size of the store. After a crash it also
    /// replays the log.
    ///
    /// # Errors
    ///
    /// [`OpenError::Locked`] names the process that has the store open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::builder().open(path)
    }

    /// Options for opening a store.
    pub fn builder() -> Options {
        Options::default()
    }

    pub(crate) fn core(&self) -> &Core {
        self.0.core()
    }

    fn start(
        options: &Options,
        source: Source,
        (lock, place): (Option<Lock>, Option<Arc<Place>>),
        making: Making,
    ) -> Result<Self, OpenError> {
        let opened = database::open(&source, options, making)?;
        let directory = Directory::default();
        directory.replace(opened.buckets);
        let core = Arc::new(Core {
            id: StoreId::unique(),
            handle: RwLock::new(Handle::Open(opened.database, 1)),
            latest: Latest::default(),
            directory,
            queue: Queue::new(),
            progress: watch::Sender::new(Some(opened.marks.sequence)),
            history: options.history,
            live: Live::default(),
            clock: Clock::resume(options.machine.clone(), opened.marks.time),
            store: opened.store,
            place,
            log_bytes: options.log_bytes,
        });
        let state = (opened.log, opened.pages, opened.marks);
        let writer = Writer::start(core.clone(), source, options.clone(), lock, state)?;
        Ok(Self(Arc::new(Open::new(core, writer))))
    }
}

impl Store for DiskStore {
    fn is_exclusive(&self) -> bool {
        true
    }

    fn id(&self) -> Option<StoreId> {
        Some(self.0.core().id)
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Answer::now(Arc::new(DiskBucket::new(self.0.clone(), name.clone())))
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        let planned = match Planned::new(checks, writes) {
            Ok(planned) => planned,
            Err(error) => return error.into(),
        };
        self.0.write(
            WriterOperation::Transact(planned),
            |outcome| match outcome {
                Outcome::Transacted(transacted) => Some(transacted),
                _ => None,
            },
        )
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        let known = self.0.core().directory.all();
        let clock = self.0.core().clock.clone();
        self.0.read(move |snapshot| {
            let mut names = Vec::new();
            for (name, number) in &known {
                if page::is_inhabited(&snapshot.entries, *number, &clock)? {
                    names.push(BucketName::parse(name)?);
                }
            }
            Ok(names)
        })
    }

    /// Commits an empty transaction, and waits for the disk.
    fn health(&self) -> Answer<()> {
        self.0
            .write(WriterOperation::Probe, |outcome| match outcome {
                Outcome::Done => Some(()),
                _ => None,
            })
    }

    /// Reads and writes on a thread of its own. A backup goes into a new folder. Compacting copies
    /// the data file beside itself, which takes its space a second time meanwhile; only the last
    /// changes are copied while writes and reads wait. A backup that is in progress then fails.
    fn maintain(&self, task: Maintenance) -> Answer<()> {
        match task {
            Maintenance::Backup(path) => {
                let store = self.clone();
                let run = move || store.backup(path).map_err(Error::from);
                Answer::later(compact::on_thread(run))
            }
            Maintenance::Compact => Answer::later(compact(self.0.clone())),
        }
    }

    /// Waits until accepted writes are durable, and closes the file: another process can then open
    /// it. Later reads answer `Unavailable`, too.
    fn close(&self) -> Answer<()> {
        self.0.close()
    }
}

// === impl Options ===

impl Options {
    /// Opens the store in this folder, and creates it if there is none: see [`DiskStore::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<DiskStore, OpenError> {
        let claimed = Claimed::claim(path.as_ref(), &self)?;
        let (source, lock, place) = claimed.into_parts();
        let parts = (Some(lock), Some(place));
        DiskStore::start(&self, source, parts, Making::Refused)
    }

    /// Opens a store on any storage, such as one that fails in a test, and creates it if the storage
    /// is empty.
    ///
    /// The store calls `storage` once now, and again each time it opens the database again after an
    /// I/O error. Each call must return a backend for the same bytes. The earlier backend is closed
    /// by then.
    pub fn open_storage(
        self,
        storage: impl Fn() -> io::Result<Box<dyn StorageBackend>> + Send + 'static,
    ) -> Result<DiskStore, OpenError> {
        let making = if self.existing {
            Making::Refused
        } else {
            Making::Allowed
        };
        DiskStore::start(&self, Source::new(storage), (None, None), making)
    }
}
