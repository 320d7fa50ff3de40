/// The limits of the history that is kept for watches that resume. The history stays within both,
/// except that the events of the last transaction are always kept for watches that keep up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

// === impl History ===

impl History {
    /// What is kept of the changes of reserved buckets, for live watches.
    pub(crate) const RESERVED: Self = Self {
        events: 256,
        bytes: 1 << 20,
    };

    pub(crate) fn is_kept(self) -> bool {
        self.events > 0 && self.bytes > 0
    }
}
