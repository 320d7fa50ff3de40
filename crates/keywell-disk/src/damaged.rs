use std::fmt;
use std::io;

/// The error of a page that differs from its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged {
    /// Its offset in the data file.
    pub(crate) offset: u64,
}

// === impl Damaged ===

impl Damaged {
    /// The damage that an error reports.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the page at byte {} of the data file is damaged",
            self.offset
        )
    }
}

impl std::error::Error for Damaged {}

impl From<Damaged> for io::Error {
    fn from(damaged: Damaged) -> Self {
        Self::other(damaged)
    }
}
