/// How the journals of a store are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settings {
    /// About how many events the stream of a shard keeps; 0 keeps none, and nothing is watched.
    pub(crate) history: u64,
    /// How large they may be together, in bytes of keys and values; 0 keeps none.
    pub(crate) history_bytes: u64,
    /// How many shards a bucket has.
    pub(crate) shards: usize,
}

// === impl Settings ===

impl Settings {
    /// A token has a place for each shard.
    pub(crate) const MAX_SHARDS: usize = 64;

    /// Numbers of scripts are exact up to 2^53.
    pub(crate) const MAX_HISTORY: u64 = 1 << 50;

    /// Of a bucket that keeps no history: what its live watches need.
    pub(crate) fn live(self) -> Self {
        Self {
            history: self.history.min(100),
            history_bytes: self.history_bytes.min(1 << 20),
            ..self
        }
    }

    pub(crate) fn is_history_kept(&self) -> bool {
        self.history > 0 && self.history_bytes > 0
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            history: 100_000,
            history_bytes: 64 << 20,
            shards: 1,
        }
    }
}
