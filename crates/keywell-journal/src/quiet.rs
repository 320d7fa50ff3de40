//! No calls while a component saves or loads its state.

use std::sync::Arc;

use crate::shared::Shared;

/// While it lives, the calls of the component are refused, and nothing is recorded.
/// [`Session::quiet`](crate::Session::quiet) makes it.
pub struct Quiet(Arc<Shared>);

// === impl Quiet ===

impl Quiet {
    pub(crate) fn begin(shared: Arc<Shared>) -> Self {
        shared.set_quiet(true);
        Self(shared)
    }

    /// Allows calls from now on. Answers the first one that was refused meanwhile.
    pub fn end(self) -> Option<String> {
        self.0.set_quiet(false)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.0.set_quiet(false);
    }
}
