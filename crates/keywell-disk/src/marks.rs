use crate::clock::Mark;

/// The state of the writer, which is also on disk as of the last commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The sequence number of the last write in a bucket that keeps history.
    pub(crate) sequence: u64,
    /// The version of the last write in a bucket that keeps none. It is past every sequence number
    /// up to then.
    pub(crate) live: u64,
    /// The sequence number of the oldest event that is kept; `sequence + 1` if none is.
    pub(crate) oldest: u64,
    /// See [`META_HISTORY_BYTES`](crate::tables::META_HISTORY_BYTES).
    pub(crate) history_bytes: u64,
    /// The number of the next bucket.
    pub(crate) next_bucket: u32,
    /// When the next entry expires, by the store's time.
    pub(crate) next_due: Option<u64>,
    /// The time of the last commit; `None` in a new store.
    pub(crate) time: Option<Mark>,
}
