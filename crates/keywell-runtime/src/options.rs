use std::path::PathBuf;
use std::time::Duration;

use crate::CompilationListener;
use crate::output::Output;

/// What bounds the components of a [`Runtime`](crate::Runtime).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The most memory of an instance, in bytes: all its linear memories and tables together. What
    /// the host holds for it (values, header fields, bodies, `cas` handles) may take the same number
    /// of bytes in addition, and at least 4 MiB.
    pub memory: usize,
    /// The most memory, in bytes, of all instances and of what the host holds for them. Past it new
    /// requests wait, and growing a memory or a table fails.
    pub total_memory: usize,
    /// How long a call may take, from its start to the end of its response's body.
    pub timeout: Duration,
    /// How many instances may be there at once, of all components and triggers, idle ones included.
    /// Calls past it wait in line: up to 16 times as many requests, and others are answered with 503.
    /// If any component answers HTTP, calls other than requests have at most half of the instances
    /// together. With several components, one place stays free for each component that has none (at
    /// most half of them), a component has more than half only while no other waits, and has at most
    /// half of the waiting requests.
    pub instances: u32,
    /// How many components a call may go through, the first included, where
    /// [components answer imports of others](crate::Callee). There may be so many times as many
    /// instances as [`instances`](Self::instances) says, as those of components that others call
    /// count within the calls that led to them. The pool reserves address space for all of them.
    pub chain: u32,
    /// How many connections clients may have open, of all HTTP servers together. If the limit of open
    /// files is lower, that counts instead, less a reserve for other files: 128 and one for each
    /// instance, and at most half of the limit.
    pub connections: u32,
    /// How long a response may wait for a client that does not read it, before the stream is reset
    /// and the guest is ended.
    pub write_timeout: Duration,
    /// How much memory, in bytes, free pool slots may keep for the next instance all together, so
    /// that it starts on pages the process already has. The share of one slot is this divided by
    /// the number of slots, at most 2 MiB; a slot keeps only what an instance has touched.
    pub keep_resident: usize,
    /// Where compiled components are kept; `None` compiles at every start. A user who can write there
    /// can run code as this process, so the folder is made for its user alone.
    pub cache: Option<PathBuf>,
    /// Where the output of components goes: by default to the process's own standard output and
    /// error.
    pub output: Output,
    /// What is notified when a large component is compiled: nothing unless set.
    pub listener: CompilationListener,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            total_memory: usize::MAX,
            timeout: Duration::from_secs(30),
            instances: 256,
            chain: 1,
            connections: 10_000,
            write_timeout: Duration::from_secs(30),
            keep_resident: 512 << 20,
            cache: None,
            output: Output::default(),
            listener: CompilationListener::default(),
        }
    }
}
