use super::entry::Entry;
use super::origin::Dot;

/// A write, as it is sent to all.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Update {
    pub(crate) key: String,
    /// What of the entry is new; none where it was deleted.
    pub(crate) entry: Option<Entry>,
    /// The writes that it replaces.
    pub(crate) replaced: Vec<Dot>,
    /// The write of the value that it adds to. Where that has not been seen, the update says nothing.
    pub(crate) adds_to: Option<Dot>,
}

// === impl Update ===

impl Update {
    /// About how many bytes it has.
    pub(crate) fn bytes(&self) -> usize {
        let entry = self.entry.as_ref().map_or(0, Entry::bytes);
        self.key.len() + entry + Dot::BYTES * self.replaced.len()
    }
}
