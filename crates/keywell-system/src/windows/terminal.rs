//! The terminal.

use std::io;

/// The terminal of standard input, while it does not show what is typed.
#[derive(Debug)]
pub struct Unseen(());

// === impl Unseen ===

impl Unseen {
    /// Begins to show nothing, which only [`line`](Self::line) does here.
    ///
    /// # Errors
    ///
    /// None.
    pub fn begin() -> io::Result<Self> {
        Ok(Self(()))
    }

    /// Waits, on this thread, for a line, which is not shown.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn line() -> io::Result<Vec<u8>> {
        console::Term::stderr()
            .read_secure_line()
            .map(String::into_bytes)
    }
}
