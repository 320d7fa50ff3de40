//! Notices that files change.
//!
//! Events of the file system only say that it is worth a look. What counts is the content of the files
//! before and after: so a lost event, an editor that renames, a link that leads elsewhere and a folder
//! that is replaced need no care of their own, and a file that is written again with the same content
//! has not changed.

mod snapshot;
mod sources;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use self::snapshot::Snapshot;
pub(super) use self::sources::{Sources, Tree};
use crate::cli::failed::Failed;

/// Files that are watched, and how they were when they were last read.
pub(super) struct Changes {
    watcher: RecommendedWatcher,
    waker: Arc<Waker>,
    sources: Sources,
    folders: BTreeSet<PathBuf>,
    seen: Arc<Snapshot>,
}

/// What events of the file system do.
#[derive(Default)]
struct Waker {
    woken: Notify,
    /// Whether a folder that is watched may have been replaced by another.
    is_stale: AtomicBool,
}

// === impl Changes ===

impl Changes {
    /// How long files have to stay as they are before they are taken for complete.
    const QUIET: Duration = Duration::from_millis(50);
    /// Files that never stay as they are do not keep others waiting for longer.
    const AT_MOST: Duration = Duration::from_secs(10);

    /// Watches files, as they are now.
    pub(super) async fn of(sources: Sources) -> Result<Self, Failed> {
        let waker = Arc::new(Waker::default());
        let notified = waker.clone();
        let watcher = notify::recommended_watcher(move |event| notified.wake(&event));
        let watcher = watcher.map_err(|error| Failed::because("cannot watch files", error))?;
        let mut changes = Self {
            watcher,
            waker,
            sources: Sources::default(),
            folders: BTreeSet::new(),
            seen: Arc::default(),
        };
        changes.watch(sources).await?;
        Ok(changes)
    }

    /// Watches other files from now on. Those that were watched before count as they were last seen.
    pub(super) async fn watch(&mut self, sources: Sources) -> Result<(), Failed> {
        self.sources = sources;
        let now = self.look().await?;
        self.seen = Arc::new(now.seen_as(&self.seen));
        Ok(())
    }

    /// Waits until a file is another than it was. Nothing is lost where this is dropped.
    pub(super) async fn next(&mut self) -> Result<(), Failed> {
        loop {
            let changed = self.settled().await?;
            if changed != *self.seen {
                self.seen = Arc::new(changed);
                return Ok(());
            }
            self.waker.woken.notified().await;
        }
    }

    /// The files, once nothing writes them any more.
    async fn settled(&mut self) -> Result<Snapshot, Failed> {
        let started = Instant::now();
        let mut before = self.look().await?;
        // Nothing has changed: there is nothing to wait for.
        while before != *self.seen && started.elapsed() < Self::AT_MOST {
            #[expect(
                clippy::disallowed_methods,
                reason = "no event says that nothing writes a file any more"
            )]
            tokio::time::sleep(Self::QUIET).await;
            let after = self.look().await?;
            if after == before {
                break;
            }
            before = after;
        }
        Ok(before)
    }

    /// Reads what has changed, and watches the folders that there are now.
    async fn look(&mut self) -> Result<Snapshot, Failed> {
        loop {
            let (sources, seen) = (self.sources.clone(), self.seen.clone());
            let look = move || {
                let found = sources.find();
                (Snapshot::read(found.files, &seen), found.folders)
            };
            let looked = tokio::task::spawn_blocking(look).await;
            let (snapshot, folders) =
                looked.map_err(|error| Failed::because("cannot read files", error))?;
            // A folder that is new may have changed before it was watched.
            if !self.follow(folders)? {
                return Ok(snapshot);
            }
        }
    }

    /// Watches these folders and no others, and answers whether any of them is new.
    fn follow(&mut self, folders: BTreeSet<PathBuf>) -> Result<bool, Failed> {
        if self.waker.is_stale.swap(false, Ordering::SeqCst) {
            for folder in std::mem::take(&mut self.folders) {
                // It may be gone.
                drop(self.watcher.unwatch(&folder));
            }
        }
        for gone in self.folders.difference(&folders) {
            drop(self.watcher.unwatch(gone));
        }
        let mut is_new = false;
        for folder in folders.difference(&self.folders) {
            is_new = true;
            let watched = self.watcher.watch(folder, RecursiveMode::NonRecursive);
            if let Err(error) = watched
                && folder.exists()
            {
                let what = format!("cannot watch {}", folder.display());
                return Err(Failed::because(&what, error));
            }
        }
        self.folders = folders;
        Ok(is_new)
    }
}

// === impl Waker ===

impl Waker {
    fn wake(&self, event: &notify::Result<Event>) {
        let kind = event.as_ref().map_or(EventKind::Any, |event| event.kind);
        match kind {
            // Our own reads are such events, too.
            EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Create(_) => {}
            EventKind::Access(_) => return,
            EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Any | EventKind::Other => {
                let is_content = matches!(
                    kind,
                    EventKind::Modify(
                        notify::event::ModifyKind::Data(_) | notify::event::ModifyKind::Metadata(_)
                    )
                );
                self.is_stale.fetch_or(!is_content, Ordering::SeqCst);
            }
        }
        self.woken.notify_one();
    }
}
