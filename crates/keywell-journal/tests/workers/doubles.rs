//! A store that crashes its process, and one with fewer abilities.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Change, Check, Entry, Error, Expected, List, Page,
    Part, Result, Set, Store, StoreId, Swap, Transacted, Transacting, Version, Write,
};

/// What happens at the write that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accident {
    /// The process ends before it.
    CrashBefore,
    /// The process ends after it.
    CrashAfter,
    /// It is lost, and the process learns that it may be.
    LoseRequest,
    /// It happens, and the process learns that it may not.
    LoseAnswer,
}

pub(crate) const ACCIDENTS: [Accident; 4] = [
    Accident::CrashBefore,
    Accident::CrashAfter,
    Accident::LoseRequest,
    Accident::LoseAnswer,
];

/// Counts writes of a process, and has an accident at one of them.
pub(crate) struct Fuse {
    count: AtomicU64,
    at: u64,
    accident: Accident,
    is_dead: AtomicBool,
}

impl Fuse {
    pub(crate) fn new(at: u64, accident: Accident) -> Arc<Self> {
        Arc::new(Self {
            count: AtomicU64::new(0),
            at,
            accident,
            is_dead: AtomicBool::new(false),
        })
    }

    pub(crate) fn never() -> Arc<Self> {
        Self::new(u64::MAX, Accident::CrashBefore)
    }

    /// How many writes there were.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn alive(&self) -> Result<()> {
        if self.is_dead.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("the process has crashed".into()));
        }
        Ok(())
    }

    /// Does a write, unless the process ends before it.
    pub(crate) async fn write<T>(&self, write: impl Future<Output = Result<T>>) -> Result<T> {
        self.alive()?;
        if self.count.fetch_add(1, Ordering::Relaxed) != self.at {
            return write.await;
        }
        let lost = Err(Error::Ambiguous("an accident".into()));
        let dies = matches!(self.accident, Accident::CrashBefore | Accident::CrashAfter);
        if matches!(self.accident, Accident::CrashAfter | Accident::LoseAnswer) {
            write.await?;
        }
        self.is_dead.store(dies, Ordering::Relaxed);
        lost
    }
}

/// What is left of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abilities {
    All,
    /// No transactions.
    Versions,
    /// Compare-and-swap of values.
    Values,
}

/// A store behind a fuse.
#[derive(Clone)]
pub(crate) struct Fused {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) abilities: Abilities,
}

impl Store for Fused {
    fn id(&self) -> Option<StoreId> {
        self.inner.id().filter(|_| self.abilities == Abilities::All)
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        if let Err(error) = self.fuse.alive() {
            return error.into();
        }
        let this = self.clone();
        self.inner.open(name).map(move |inner| {
            Arc::new(FusedBucket {
                inner,
                fuse: this.fuse,
                abilities: this.abilities,
            }) as Arc<dyn Bucket>
        })
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        assert_eq!(self.abilities, Abilities::All);
        let this = self.clone();
        Answer::later(async move {
            // A store may do it when it is called.
            let transact = async { this.inner.transact(checks, writes).await };
            this.fuse.write(transact).await
        })
    }
}

struct FusedBucket {
    inner: Arc<dyn Bucket>,
    fuse: Arc<Fuse>,
    abilities: Abilities,
}

impl FusedBucket {
    fn read<T: Send + 'static>(&self, read: Answer<T>) -> Answer<T> {
        match self.fuse.alive() {
            Ok(()) => read,
            Err(error) => error.into(),
        }
    }

    fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&dyn Bucket) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let (inner, fuse) = (self.inner.clone(), self.fuse.clone());
        Answer::later(async move { fuse.write(async { write(&*inner).await }).await })
    }
}

impl Bucket for FusedBucket {
    fn capabilities(&self) -> Capabilities {
        let inner = self.inner.capabilities();
        let (transact, cas) = match self.abilities {
            Abilities::All => (inner.transact, inner.cas),
            Abilities::Versions => (Transacting::None, inner.cas),
            Abilities::Values => (Transacting::None, keywell_store::Cas::ByValue),
        };
        Capabilities {
            promptness: keywell_store::Promptness::Waits,
            transact,
            cas,
            ..inner
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let values = self.abilities == Abilities::Values;
        let read = self.read(self.inner.get_within(key, max));
        if !values {
            return read;
        }
        read.map(|entry| {
            entry.map(|entry| Entry {
                version: Version::from(entry.value.clone()),
                ..entry
            })
        })
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let key = key.to_owned();
        self.write(move |inner| inner.set(&key, value, how))
    }

    fn delete(&self, key: &str) -> Answer<()> {
        let key = key.to_owned();
        self.write(move |inner| inner.delete(&key))
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let key = key.to_owned();
        if self.abilities != Abilities::Values {
            return self.write(move |inner| inner.swap(&key, expected, change));
        }
        let (inner, fuse) = (self.inner.clone(), self.fuse.clone());
        Answer::later(async move {
            let swap = async {
                let found = inner.get(&key).await?;
                let stands = match (&found, &expected) {
                    (None, Expected::Absent) => true,
                    (Some(entry), Expected::At(version)) => {
                        version.as_bytes() == Some(&entry.value)
                    }
                    _ => false,
                };
                if !stands {
                    return Ok(Swap::Stale);
                }
                let own = match &change {
                    Change::Set(value, _) => Some(Version::from(value.clone())),
                    Change::Delete => None,
                };
                let expected = Expected::from(found.as_ref());
                Ok(match inner.swap(&key, expected, change).await? {
                    Swap::Done(_) => Swap::Done(own),
                    Swap::Stale => Swap::Stale,
                })
            };
            fuse.write(swap).await
        })
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let key = key.to_owned();
        self.write(move |inner| inner.increment_or_create(&key, delta, created))
    }

    fn admit(&self, part: Part) -> Result<Part> {
        self.inner.admit(part)
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.read(self.inner.list(request))
    }
}
