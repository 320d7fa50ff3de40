use std::io::{self, BufWriter, ErrorKind, Write};

use serde::Serialize;

use super::Stop;

/// Where a command writes what it found, and what that is called when it fails.
pub(in crate::cli) struct Sink<'a> {
    to: Box<dyn Write + 'a>,
    name: String,
}

// === impl Sink ===

impl<'a> Sink<'a> {
    /// Standard output, in large pieces: whoever wants a line seen flushes.
    pub(in crate::cli) fn stdout() -> Self {
        Self::new(BufWriter::new(io::stdout()), "standard output")
    }

    pub(in crate::cli) fn new(to: impl Write + 'a, name: impl Into<String>) -> Self {
        let (to, name) = (Box::new(to), name.into());
        Self { to, name }
    }

    pub(in crate::cli) fn put(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let written = self.to.write_all(bytes);
        written.map_err(|error| self.stop(&error))
    }

    /// Writes JSON on a line of its own.
    pub(in crate::cli) fn json(&mut self, line: &impl Serialize) -> Result<(), Stop> {
        let written = serde_json::to_writer(&mut self.to, line);
        written.map_err(|error| self.stop(&error.into()))?;
        self.put(b"\n")
    }

    pub(in crate::cli) fn flush(&mut self) -> Result<(), Stop> {
        let flushed = self.to.flush();
        flushed.map_err(|error| self.stop(&error))
    }

    fn stop(&self, error: &io::Error) -> Stop {
        match error.kind() {
            ErrorKind::BrokenPipe => Stop::Unread,
            _ => Stop::failure(format!("cannot write {}: {error}", self.name)),
        }
    }
}
