/// Which keys a watch is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// Every key of the bucket.
    All,
    /// This key.
    Key(String),
    /// Every key that begins with this.
    Prefix(String),
}

// === impl Filter ===

impl Filter {
    /// Whether the watch is about this key.
    pub fn matches(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Key(exact) => key == exact,
            Self::Prefix(prefix) => key.starts_with(prefix.as_str()),
        }
    }
}
