//! The way in of each store that shares a link. A link closes with the last of them, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keywell_store::{Error, Result};

/// The way in of one store and its buckets, which closing the store closes.
pub(super) struct Door {
    doors: Arc<Doors>,
    is_closed: AtomicBool,
}

/// How many doors of a link are open.
#[derive(Default)]
pub(super) struct Doors(AtomicUsize);

// === impl Doors ===

impl Doors {
    /// Opens the first door.
    pub(super) fn open_first(self: &Arc<Self>) -> Door {
        self.0.store(1, Ordering::Relaxed);
        self.door()
    }

    /// Opens another door, unless all are closed.
    pub(super) fn open(self: &Arc<Self>) -> Option<Door> {
        let more = |doors: usize| (doors > 0).then_some(doors + 1);
        let opened = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        opened.ok()?;
        Some(self.door())
    }

    fn door(self: &Arc<Self>) -> Door {
        Door {
            doors: self.clone(),
            is_closed: AtomicBool::new(false),
        }
    }
}

// === impl Door ===

impl Door {
    pub(super) fn check(&self) -> Result<()> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("the store is closed".into()));
        }
        Ok(())
    }

    /// Closes it, and returns whether it was the last one.
    pub(super) fn close(&self) -> bool {
        let was_closed = self.is_closed.swap(true, Ordering::Relaxed);
        !was_closed && self.doors.0.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close();
    }
}
