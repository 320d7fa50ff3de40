use std::sync::Arc;

use parking_lot::Mutex;

/// The last line that an instance wrote to standard error.
///
/// A trap shows where a guest ended, and hardly ever why: that is what it wrote before.
#[derive(Clone, Default)]
pub(crate) struct LastWords(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    /// The beginning of the line that is being written.
    line: Vec<u8>,
    /// That of the last one that ended and was not empty.
    last: Vec<u8>,
}

// === impl LastWords ===

impl LastWords {
    /// How much of a line is kept, in bytes.
    const MAX: usize = 256;

    /// The line, if there is one, without control characters.
    pub(crate) fn read(&self) -> Option<String> {
        let lines = self.0.lock();
        let line = if lines.line.is_empty() {
            &lines.last
        } else {
            &lines.line
        };
        let text = String::from_utf8_lossy(line);
        let text = text.replace(char::is_control, " ");
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(crate) fn note(&self, bytes: &[u8]) {
        let mut lines = self.0.lock();
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        lines.add(pieces.next().unwrap_or_default());
        for piece in pieces {
            lines.end();
            lines.add(piece);
        }
    }
}

// === impl Lines ===

impl Lines {
    fn add(&mut self, piece: &[u8]) {
        let room = LastWords::MAX - self.line.len();
        self.line.extend(piece.iter().take(room));
    }

    fn end(&mut self) {
        // Rust ends what it says of a panic with this advice.
        let is_advice = self.line.starts_with(b"note: run with `RUST_BACKTRACE");
        if !is_advice && !self.line.trim_ascii().is_empty() {
            std::mem::swap(&mut self.line, &mut self.last);
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&[u8]]) -> Option<String> {
        let words = LastWords::default();
        for piece in pieces {
            words.note(piece);
        }
        words.read()
    }

    #[test]
    fn the_last_line_is_kept_however_it_was_written() {
        let panic: &[u8] = b"thread panicked at src/lib.rs:1:2:\nno room\nnote: run with \
                             `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        let cases: [(&[&[u8]], Option<&str>); 7] = [
            (&[], None),
            (&[b"\n \n"], None),
            (&[b"a\nb\n"], Some("b")),
            (&[b"a\n", b"b", b"c\n\n"], Some("bc")),
            (&[b"a\nb"], Some("b")),
            (&[b"a\tb\x1b[2J\xff\n"], Some("a b [2J\u{fffd}")),
            (&[panic], Some("no room")),
        ];
        for (pieces, line) in cases {
            assert_eq!(of(pieces).as_deref(), line, "{pieces:?}");
        }
    }

    #[test]
    fn of_a_long_line_the_beginning_is_kept() {
        let long = "x".repeat(LastWords::MAX + 1);
        let kept = of(&[b"first\n", long.as_bytes(), b"y\n"]);
        assert_eq!(kept.unwrap(), long[..LastWords::MAX]);
    }
}
