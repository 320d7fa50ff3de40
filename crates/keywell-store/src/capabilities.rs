/// What a bucket can do. The conformance suite checks all that is declared, and that what is not
/// declared is refused with [`Error::Unsupported`](crate::Error::Unsupported).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether every answer is ready at once.
    pub promptness: Promptness,
    /// What compare-and-swap compares.
    pub cas: Cas,
    /// Whether counters can be incremented.
    pub increment: bool,
    /// Whether and how keys are listed.
    pub list: Listing,
    /// Whether a batch of writes happens as one.
    pub batch: Batching,
    /// Whether and how changes can be watched.
    pub watch: Watching,
    /// Whether a value can be set with a time to live.
    pub ttl: bool,
    /// What an acknowledged write survives.
    pub durability: Durability,
}

/// Whether answers are ready at once. A host links components whose stores all answer at once
/// without fibres, so a bucket that declares `AtOnce` must never answer
/// [`Later`](crate::Answer::Later), [`watch`](crate::Bucket::watch) excepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Promptness {
    /// Some answers have to be waited for.
    #[default]
    Waits,
    /// Every answer is [`Now`](crate::Answer::Now).
    AtOnce,
}

/// What compare-and-swap compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cas {
    /// There is none.
    #[default]
    None,
    /// The value: a key that was changed and changed back is taken for unchanged.
    ByValue,
    /// The version: every write in between is seen.
    ByVersion,
}

/// How keys are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    /// Not at all.
    #[default]
    None,
    /// Each key once, in no particular order.
    Unordered,
    /// Each key once, in the order of their bytes.
    Ordered,
}

/// How a batch of writes happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Batching {
    /// One after the other; an error leaves the earlier ones written.
    #[default]
    Sequential,
    /// All or none, and readers see all or none.
    Atomic,
}

/// How changes can be watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watching {
    /// Not at all.
    #[default]
    None,
    /// Events may be lost; where it is known that some were, a [`Gap`](crate::Event::Gap) tells.
    Lossy,
    /// Events carry tokens; a watch resumed from one misses none while the history is kept.
    Resumable,
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Nothing: it is gone with the process that holds it.
    #[default]
    Volatile,
    /// The end of Keywell's process, not necessarily that of the server or the machine.
    Process,
    /// The loss of power.
    Synced,
}
