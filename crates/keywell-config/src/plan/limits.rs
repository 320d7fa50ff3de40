use std::time::Duration;

/// What bounds components. What is not given is the program's usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsPlan {
    /// The most memory of an instance, in bytes.
    pub memory: Option<usize>,
    /// How long a call may take.
    pub timeout: Option<Duration>,
    /// How many instances there may be at once, of all components together.
    pub instances: Option<u32>,
    /// How many connections clients may have open, of all HTTP triggers together.
    pub connections: Option<u32>,
    /// How long a response may wait for a client that does not read it.
    pub write_timeout: Option<Duration>,
    /// The most memory of all instances together, with what the host holds for them, in bytes.
    pub total_memory: Option<usize>,
}
