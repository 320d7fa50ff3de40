use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};

use keywell_store::terminal;
use serde::Serialize;

use super::Stop;

/// Where a command writes what it found, and what that is called when it fails.
///
/// What is found goes into a file or a pipe as it is. On a terminal, it is escaped: a key or a value
/// may hold what a terminal obeys.
pub(in crate::cli) struct Sink<'a> {
    to: Box<dyn Write + 'a>,
    name: String,
    is_terminal: bool,
}

// === impl Sink ===

impl<'a> Sink<'a> {
    /// Standard output, in large pieces; flush to show a line at once.
    pub(in crate::cli) fn stdout() -> Self {
        Self {
            is_terminal: io::stdout().is_terminal(),
            ..Self::new(BufWriter::new(io::stdout()), "standard output")
        }
    }

    pub(in crate::cli) fn new(to: impl Write + 'a, name: impl Into<String>) -> Self {
        Self {
            to: Box::new(to),
            name: name.into(),
            is_terminal: false,
        }
    }

    pub(in crate::cli) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Writes what the program itself made up.
    pub(in crate::cli) fn put(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let written = self.to.write_all(bytes);
        written.map_err(|error| self.stop(&error))
    }

    /// Writes a name: of a key, a bucket, a letter. On a terminal it takes one line.
    pub(in crate::cli) fn name(&mut self, name: &str) -> Result<(), Stop> {
        if self.is_terminal {
            self.put(terminal::escape(name).as_bytes())
        } else {
            self.put(name.as_bytes())
        }
    }

    /// Writes a value. On a terminal its line feeds and tabs stay, and bytes that are no UTF-8 are
    /// written `\xff`.
    pub(in crate::cli) fn value(&mut self, value: &[u8]) -> Result<(), Stop> {
        if !self.is_terminal {
            return self.put(value);
        }
        for chunk in value.utf8_chunks() {
            let is_left = |character| matches!(character, '\n' | '\t');
            let text = terminal::escape_but(chunk.valid(), is_left);
            self.put(text.as_bytes())?;
            for byte in chunk.invalid() {
                self.put(format!("\\x{byte:02x}").as_bytes())?;
            }
        }
        Ok(())
    }

    /// Writes JSON on a line of its own. It means the same on a terminal.
    pub(in crate::cli) fn json(&mut self, line: &impl Serialize) -> Result<(), Stop> {
        let written = if self.is_terminal {
            serde_json::to_string(line).and_then(|json| {
                let escaped = terminal::escape_json(&json);
                self.to
                    .write_all(escaped.as_bytes())
                    .map_err(serde_json::Error::io)
            })
        } else {
            serde_json::to_writer(&mut self.to, line)
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(
        is_terminal: bool,
        write: impl FnOnce(&mut Sink<'_>) -> Result<(), Stop>,
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut sink = Sink {
            is_terminal,
            ..Sink::new(&mut bytes, "bytes")
        };
        write(&mut sink).unwrap();
        drop(sink);
        bytes
    }

    #[test]
    fn a_file_gets_the_bytes_and_a_terminal_what_it_can_show() {
        let name = "a\u{1b}[2J\nb";
        assert_eq!(written(false, |sink| sink.name(name)), name.as_bytes());
        assert_eq!(written(true, |sink| sink.name(name)), br"a\u{1b}[2J\nb");
        let value = b"one\n\ttwo\r\x1b]0;x\x07\xff\xc2\x9b";
        assert_eq!(written(false, |sink| sink.value(value)), value);
        assert_eq!(
            written(true, |sink| sink.value(value)),
            b"one\n\ttwo\\r\\u{1b}]0;x\\u{7}\\xff\\u{9b}"
        );
    }

    #[test]
    fn json_means_the_same_on_a_terminal() {
        let text = "\u{1b}\u{9b}\u{202e}é";
        for is_terminal in [false, true] {
            let json = written(is_terminal, |sink| sink.json(&text));
            assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
        }
        let json = written(true, |sink| sink.json(&text));
        assert_eq!(json, "\"\\u001b\\u009b\\u202eé\"\n".as_bytes());
    }
}
