//! Names in use: a store that no other process can open has one trigger of each name.

use std::collections::HashSet;
use std::sync::Arc;

use keywell_store::Store;
use parking_lot::Mutex;

use crate::watch::hops::BucketPlace;

/// The triggers that this process alone may run, as no other can open their store.
#[derive(Clone, Default)]
pub(crate) struct Names(Arc<Mutex<HashSet<(BucketPlace, String)>>>);

/// A name in use, until it is dropped.
pub(crate) struct Name {
    names: Names,
    name: (BucketPlace, String),
}

// === impl Names ===

impl Names {
    /// Takes a name; `None` if it is in use.
    pub(crate) fn take(&self, store: &Arc<dyn Store>, state: &str, name: &str) -> Option<Name> {
        let name = (BucketPlace::of(store, state), name.to_owned());
        let is_new = self.0.lock().insert(name.clone());
        is_new.then(|| Name {
            names: self.clone(),
            name,
        })
    }
}

// === impl Name ===

impl Drop for Name {
    fn drop(&mut self) {
        self.names.0.lock().remove(&self.name);
    }
}
