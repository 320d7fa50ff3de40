use std::fmt;

/// What a process keeps of a bucket, so that reads need not ask the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caching {
    /// The keys with their versions, and the values that were read, up to a number of bytes.
    #[default]
    Keys,
    /// The keys and all values.
    All,
    /// Nothing: every read asks the server, and sees every acknowledged write.
    Off,
}

// === impl Caching ===

impl Caching {
    /// Reads `keys`, `all` or `off`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "keys" => Some(Self::Keys),
            "all" => Some(Self::All),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}

impl fmt::Display for Caching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keys => "keys",
            Self::All => "all",
            Self::Off => "off",
        })
    }
}
