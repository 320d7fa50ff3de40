use std::ops::Deref;
use std::sync::Arc;

use keywell_store::Store;
use keywell_store::layer::Limited;

use crate::chosen::LinkNumber;

/// A bucket that is open, and where the component found it.
pub(crate) struct Opened {
    pub(crate) bucket: Limited,
    /// Its store, for transactions.
    pub(crate) store: Arc<dyn Store>,
    /// The component's name for it.
    pub(crate) name: Box<str>,
    pub(crate) link: LinkNumber,
}

// === impl Opened ===

impl Deref for Opened {
    type Target = Limited;

    fn deref(&self) -> &Limited {
        &self.bucket
    }
}
