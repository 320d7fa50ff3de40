use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::workload::average;
use crate::Done;

/// A file that is appended to, without space made ahead: the least that a durable write can cost.
pub(crate) struct Floor(File);

// === impl Floor ===

impl Floor {
    pub(crate) fn open(path: &Path) -> Done<Self> {
        Ok(Self(File::create(path)?))
    }

    /// The time to append 100 bytes and sync them.
    pub(crate) fn micros_an_append(&self, about: Duration) -> Done<f64> {
        let average = average(about, |_| {
            (&self.0).write_all(&[7; 100])?;
            Ok(self.0.sync_data()?)
        })?;
        Ok(average.as_nanos() as f64 / 1e3)
    }
}
