//! Instances that wait for a call.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Instances of one component between two calls, which only calls of that component take. Each has a
/// slot of the pool that any other call may need.
pub(crate) struct Shelf<T>(Mutex<Vec<T>>);

/// All shelves of a runtime.
#[derive(Default)]
pub(crate) struct Shelves(Mutex<Vec<Weak<dyn Holds>>>);

trait Holds: Send + Sync {
    fn count(&self) -> usize;

    /// Ends the instance that was put there first, and answers whether there was one.
    fn end_one(&self) -> bool;
}

// === impl Shelf ===

impl<T> Shelf<T> {
    pub(crate) fn keep(&self, instance: T) {
        self.0.lock().push(instance);
    }

    /// The instance that was kept last, so that the same few stay warm.
    pub(crate) fn take(&self) -> Option<T> {
        self.0.lock().pop()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

impl<T: Send> Holds for Shelf<T> {
    fn count(&self) -> usize {
        self.0.lock().len()
    }

    fn end_one(&self) -> bool {
        let ended = {
            let mut kept = self.0.lock();
            (!kept.is_empty()).then(|| kept.remove(0))
        };
        // It ends when no task waits for the lock.
        ended.is_some()
    }
}

// === impl Shelves ===

impl Shelves {
    /// Another shelf, until it is dropped.
    pub(crate) fn add<T: Send + 'static>(&self) -> Arc<Shelf<T>> {
        let added = Arc::new(Shelf(Mutex::default()));
        let holds: Weak<dyn Holds> = Arc::<Shelf<T>>::downgrade(&added);
        let mut shelves = self.0.lock();
        shelves.retain(|shelf| shelf.strong_count() > 0);
        shelves.push(holds);
        added
    }

    /// Ends an instance of the shelf with the most, so that its slot is free for another, and answers
    /// whether there was one.
    pub(crate) fn end_one(&self) -> bool {
        loop {
            let fullest = {
                let shelves = self.0.lock();
                let shelves = shelves.iter().filter_map(Weak::upgrade);
                shelves.max_by_key(|shelf| shelf.count())
            };
            // It may have been emptied meanwhile; then another is the fullest.
            match fullest {
                Some(fullest) if fullest.count() > 0 => {
                    if fullest.end_one() {
                        return true;
                    }
                }
                _ => return false,
            }
        }
    }
}
