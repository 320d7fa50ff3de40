//! What this process has open and may share, by the options it was opened with. It keeps nothing open.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::options::Options;

/// What is open, for as long as something else holds it.
pub(super) struct Shared<T>(Mutex<Vec<(Options, Weak<T>)>>);

// === impl Shared ===

impl<T> Shared<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// What was opened with these options, if `enter` admits to it.
    pub(super) fn find<R>(
        &self,
        options: &Options,
        enter: impl Fn(Arc<T>) -> Option<R>,
    ) -> Option<R> {
        let open = self.0.lock();
        let mut known = open.iter().filter(|(known, _)| known == options);
        known.find_map(|(_, shared)| enter(shared.upgrade()?))
    }

    /// Adds what was opened, unless another was added meanwhile to which `enter` admits: then that one.
    pub(super) fn add<R>(
        &self,
        options: Options,
        opened: &Arc<T>,
        enter: impl Fn(Arc<T>) -> Option<R>,
    ) -> Option<R> {
        let mut open = self.0.lock();
        open.retain(|(_, shared)| shared.strong_count() > 0);
        let mut known = open.iter().filter(|(known, _)| *known == options);
        let earlier = known.find_map(|(_, shared)| enter(shared.upgrade()?));
        if earlier.is_none() {
            open.push((options, Arc::downgrade(opened)));
        }
        earlier
    }
}
