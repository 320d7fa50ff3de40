use std::sync::Arc;

use wasmtime::Store;

use super::exported::Exported;
use crate::shelf::Shelf;
use crate::state::State;

/// An instance between two requests.
pub(super) struct Idle {
    pub(super) store: Store<State>,
    pub(super) exported: Exported,
    /// How many requests it has answered.
    pub(super) answered: u32,
}

/// An instance that may answer another request, if it has answered this one.
pub(super) struct Reusable {
    shelf: Arc<Shelf<Idle>>,
    idle: Idle,
}

// === impl Reusable ===

impl Reusable {
    pub(super) fn new(shelf: Arc<Shelf<Idle>>, idle: Idle) -> Self {
        Self { shelf, idle }
    }

    /// Keeps it for the next request.
    pub(super) fn keep(self) {
        self.shelf.keep(self.idle);
    }

    pub(super) fn keep_any(reusable: Option<Self>) {
        if let Some(reusable) = reusable {
            reusable.keep();
        }
    }
}
