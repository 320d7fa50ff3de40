use std::fmt;
use std::sync::Arc;

use keywell_store::Result;
use redb::ReadTransaction;

use crate::OpenError;
use crate::recording::Recording;

/// What runs on the thread of the writer, between two groups.
pub(crate) struct Task(Box<Run>);

type Run = dyn FnOnce(&mut dyn Between) + Send;

/// The writer, between two groups.
pub(crate) trait Between {
    /// Records all groups from now on, until the recording is dropped. The snapshot is of now.
    fn record(&mut self) -> Result<(Arc<Recording>, ReadTransaction)>;

    /// Closes the data file, replaces it, and opens it again. Readers wait meanwhile.
    fn replace_file(&mut self, replace: &mut dyn FnMut() -> Result<(), OpenError>) -> Result<()>;
}

// === impl Task ===

impl Task {
    pub(crate) fn new(run: impl FnOnce(&mut dyn Between) + Send + 'static) -> Self {
        Self(Box::new(run))
    }

    pub(crate) fn run(self, writer: &mut dyn Between) {
        (self.0)(writer);
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}
