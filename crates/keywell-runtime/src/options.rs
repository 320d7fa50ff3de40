use std::path::PathBuf;
use std::time::Duration;

use crate::output::Output;

/// What bounds the components of a [`Runtime`](crate::Runtime).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The most memory an instance may have, in bytes: all its linear memories and tables together.
    /// What the host holds for it (values, header fields, bodies, `cas` handles) may have as many
    /// bytes again, and 4 MiB at least.
    pub memory: usize,
    /// The most memory, in bytes, that all instances and what the host holds for them may have
    /// together. Past it new requests wait, and what would grow fails.
    pub total_memory: usize,
    /// How long a call may take, from its start to the end of its response's body.
    pub timeout: Duration,
    /// How many instances may be there at once, of all components and triggers, idle ones included.
    /// Calls past it wait for their turn: requests up to 16 times as many, and the rest is answered
    /// with 503. Where a component answers HTTP, other calls have at most half of them together.
    /// Where there are several components, one place stays free for each that has none (as far as that
    /// is half of them), one has more than half only while no other waits, and may have half of the
    /// requests that wait.
    pub instances: u32,
    /// How many connections clients may have open, of all HTTP servers together. Where the process
    /// may not open so many files, the limit of those, less a reserve for what else it opens, counts
    /// instead: 128 and one for each instance, and at most half of them.
    pub connections: u32,
    /// How long a response may wait for a client that does not read it, before the stream is reset
    /// and the guest is ended.
    pub write_timeout: Duration,
    /// How much memory, in bytes, free pool slots may keep for the next instance all together, so
    /// that it starts on pages the process already has. The share of one slot is this divided by
    /// [`Options::instances`], at most 2 MiB; a slot keeps only what an instance has touched.
    pub keep_resident: usize,
    /// Where compiled components are kept; `None` compiles at every start. A user who can write there
    /// can run code as this process, so the folder is made for its user alone.
    pub cache: Option<PathBuf>,
    /// Where what components print goes: unless said otherwise to the process's own standard output
    /// and error.
    pub output: Output,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            total_memory: usize::MAX,
            timeout: Duration::from_secs(30),
            instances: 256,
            connections: 10_000,
            write_timeout: Duration::from_secs(30),
            keep_resident: 512 << 20,
            cache: None,
            output: Output::default(),
        }
    }
}
