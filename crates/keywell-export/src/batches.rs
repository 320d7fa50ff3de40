use std::fmt;
use std::io::{self, BufRead, Read as _};
use std::time::SystemTime;

use keywell_store::layer::Limits;
use keywell_store::terminal;

use crate::{Entry, Line};

/// The most keys of a batch.
const BATCH_KEYS: usize = 1000;

/// The most bytes of a batch. It always holds at least one entry.
const BATCH_BYTES: usize = 8 << 20;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads JSON lines into batches of entries.
///
/// Entries before a flaw are returned before the flaw, which is the last item.
#[derive(Debug)]
pub struct Batches<R> {
    input: R,
    limits: Limits,
    /// The longest line that can hold an entry within the limits, in bytes.
    line_bytes: usize,
    buffer: Vec<u8>,
    /// The number of the last line read, from 1.
    line: u64,
    /// An entry that was read, but did not fit into the last batch.
    held: Option<Entry>,
    end: Option<End>,
}

/// Entries to write in one call.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order of their lines.
    pub entries: Vec<Entry>,
    bytes: usize,
}

/// Why no more lines can be read.
#[derive(Debug)]
pub enum Flaw {
    /// A line is not a valid entry.
    Line {
        /// The number of the line, from 1.
        line: u64,
        /// The byte within the line, from 1, if known.
        column: Option<usize>,
        /// What is wrong with the line.
        problem: String,
    },
    /// The input itself fails.
    Read(io::Error),
}

#[derive(Debug)]
enum End {
    /// There are no more lines.
    Reached,
    /// Returned after the entries that were read before it.
    Flawed(Flaw),
}

// === impl Batches ===

impl<R: BufRead> Batches<R> {
    /// Reads lines from `input`. An entry past the limits is a flaw, and so is a line longer than any
    /// valid one; at most that much of a line is held in memory.
    pub fn new(input: R, limits: Limits) -> Self {
        // JSON takes at most six bytes for one, as in \u0001, and a little for the other fields.
        let line_bytes = 6 * (limits.key_bytes + limits.value_bytes) + 1024;
        Self {
            input,
            limits,
            line_bytes,
            buffer: Vec::new(),
            line: 0,
            held: None,
            end: None,
        }
    }

    /// Reads the next line that is not blank; `None` at the end.
    fn entry(&mut self) -> Result<Option<Entry>, Flaw> {
        loop {
            self.buffer.clear();
            // One byte for the line end, and one that shows that the line is too long.
            let bound = BYTE_ORDER_MARK.len() + self.line_bytes + 2;
            let mut bounded = (&mut self.input).take(bound as u64);
            let read = bounded.read_until(b'\n', &mut self.buffer);
            if read.map_err(Flaw::Read)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            let line = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
            // Editors write it before the first line, and concatenated files have it in between.
            let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
            if line.len() > self.line_bytes {
                let max = self.line_bytes;
                return Err(self.flaw(None, format!("it is longer than {max} bytes")));
            }
            if !line.trim_ascii().is_empty() {
                return self.parse(line).map(Some);
            }
        }
    }

    fn parse(&self, line: &[u8]) -> Result<Entry, Flaw> {
        let line: Line = serde_json::from_slice(line).map_err(|error| {
            let text = error.to_string();
            // The parser reads each line as line 1.
            let place = format!(" at line {} column {}", error.line(), error.column());
            let text = text.strip_suffix(&place).unwrap_or(&text);
            let column = Some(error.column()).filter(|column| *column > 0);
            // The parser quotes names of fields without escaping.
            self.flaw(column, terminal::escape(text).into_owned())
        })?;
        let entry = line
            .into_entry(self.line)
            .map_err(|problem| self.flaw(None, problem))?;
        let checked = self.limits.check_key(&entry.key);
        let checked = checked.and_then(|()| self.limits.check_value(entry.value.len()));
        checked.map_err(|error| self.flaw(None, error.to_string()))?;
        if let Some(expiry) = entry.expiry {
            let checked = expiry.check(SystemTime::now());
            checked.map_err(|problem| self.flaw(None, problem))?;
        }
        Ok(entry)
    }

    fn flaw(&self, column: Option<usize>, problem: String) -> Flaw {
        Flaw::Line {
            line: self.line,
            column,
            problem,
        }
    }
}

impl<R: BufRead> Iterator for Batches<R> {
    type Item = Result<Batch, Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut batch = Batch::default();
        batch.entries.extend(self.held.take());
        batch.bytes = batch.entries.iter().map(Batch::weigh).sum();
        while self.end.is_none() && batch.entries.len() < BATCH_KEYS {
            match self.entry() {
                Ok(Some(entry)) => {
                    let bytes = batch.bytes + Batch::weigh(&entry);
                    if bytes > BATCH_BYTES && !batch.entries.is_empty() {
                        self.held = Some(entry);
                        break;
                    }
                    batch.bytes = bytes;
                    batch.entries.push(entry);
                }
                Ok(None) => self.end = Some(End::Reached),
                Err(flaw) => self.end = Some(End::Flawed(flaw)),
            }
        }
        if !batch.entries.is_empty() {
            return Some(Ok(batch));
        }
        match self.end.replace(End::Reached) {
            Some(End::Flawed(flaw)) => Some(Err(flaw)),
            Some(End::Reached) | None => None,
        }
    }
}

// === impl Batch ===

impl Batch {
    fn weigh(entry: &Entry) -> usize {
        entry.key.len() + entry.value.len()
    }
}

// === impl Flaw ===

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line {
                line,
                column,
                problem,
            } => {
                write!(f, "line {line}")?;
                if let Some(column) = column {
                    write!(f, ", column {column}")?;
                }
                write!(f, ": {problem}")
            }
            Self::Read(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const SMALL: Limits = Limits {
        key_bytes: 5,
        value_bytes: 20,
        batch_keys: 10_000,
        batch_bytes: 64 << 20,
        alphabet: keywell_store::Alphabet::ALL,
    };

    /// How many entries each batch has, and the flaw that ends them.
    fn read(input: &str, limits: Limits) -> (Vec<usize>, Option<String>) {
        let mut batches = Batches::new(Cursor::new(input), limits);
        let mut entries = Vec::new();
        let mut flaw = None;
        for batch in batches.by_ref() {
            assert!(flaw.is_none(), "nothing comes after a flaw");
            match batch {
                Ok(batch) => entries.push(batch.entries.len()),
                Err(found) => flaw = Some(found.to_string()),
            }
        }
        assert!(batches.next().is_none());
        (entries, flaw)
    }

    #[test]
    fn a_flaw_is_reported_with_its_line_after_the_entries_before_it() {
        let long = format!("{{\"key\":\"k\",\"value\":\"{}\"}}", "x".repeat(2000));
        for (line, problem) in [
            ("{\"key\":\"k\",", "line 3, column 11: EOF while parsing"),
            ("[1]", "line 3, column 2: invalid type"),
            ("null", "line 3, column 4: invalid type"),
            (
                "{\"key\":\"k\",\"value\":1}",
                "line 3, column 20: invalid type",
            ),
            (
                "{\"key\":\"k\",\"value\":\"\"} x",
                "line 3, column 24: trailing",
            ),
            (
                "{\"key\":\"k\",\"ttl\":1}",
                "line 3, column 16: unknown field `ttl`",
            ),
            (
                "{\"key\":\"k\",\"key\":\"k\"}",
                "line 3, column 16: duplicate field",
            ),
            (
                "{\"value\":\"v\"}",
                "line 3, column 13: missing field `key`",
            ),
            ("{\"key\":\"k\"}", "line 3: neither value nor base64"),
            (
                "{\"key\":\"k\",\"value\":\"\",\"expiration\":1,\"expiration_ttl\":1}",
                "line 3: both expiration and expiration_ttl",
            ),
            (
                "{\"key\":\"k\",\"value\":\"\",\"expiration\":1999999999999}",
                "line 3: expiration, in seconds after 1970 began: the time to live must be",
            ),
            (
                "{\"key\":\"k\",\"value\":\"\",\"expiration_ttl\":0}",
                "line 3: expiration_ttl, in seconds: the time to live must be",
            ),
            (
                "{\"key\":\"k\",\"value\":\"\",\"expiration\":1.5}",
                "line 3, column 38: invalid type",
            ),
            (
                "{\"key\":\"k\",\"value\":\"\",\"base64\":\"\"}",
                "line 3: both value and",
            ),
            (
                "{\"key\":\"k\",\"base64\":\"?\"}",
                "line 3: the field base64 is not",
            ),
            (
                "{\"key\":\"\",\"value\":\"\"}",
                "line 3: a key must not be empty",
            ),
            (
                "{\"key\":\"123456\",\"value\":\"\"}",
                "line 3: the key is 6 bytes long",
            ),
            (
                "{\"key\":\"k\",\"value\":\"012345678901234567890\"}",
                "line 3: the value is 21 bytes long",
            ),
            (&long, "line 3: it is longer than 1174 bytes"),
        ] {
            let input = format!("{{\"key\":\"a\",\"value\":\"1\"}}\n \r\n{line}\n{{}}\n");
            let (entries, flaw) = read(&input, SMALL);
            assert_eq!(entries, [1], "{line}");
            let flaw = flaw.unwrap();
            assert!(flaw.starts_with(problem), "{line}: {flaw}");
        }
    }

    #[test]
    fn a_flaw_is_reported_in_one_line_whatever_the_input_has() {
        let (_, flaw) = read(r#"{"a\n\u001b[31mb":1}"#, SMALL);
        let flaw = flaw.unwrap();
        assert!(flaw.contains(r"unknown field `a\n\u{1b}[31mb`"), "{flaw}");
        assert!(!flaw.contains(char::is_control), "{flaw:?}");
    }

    #[test]
    fn lines_end_with_or_without_a_carriage_return_or_the_input() {
        let line = "{ \"key\": \"k\", \"value\": \"v\" }";
        for input in [
            format!("{line}\n{line}\n"),
            format!("\n{line}\r\n\r\n{line}"),
        ] {
            assert_eq!(read(&input, SMALL), (vec![2], None));
        }
        assert_eq!(read("", SMALL), (vec![], None));
    }

    #[test]
    fn a_byte_order_mark_before_a_line_is_no_part_of_it() {
        let file = "\u{feff}{\"key\":\"k\",\"value\":\"v\"}\n";
        assert_eq!(read(&file.repeat(2), SMALL), (vec![2], None));
        assert_eq!(read("\u{feff}", SMALL), (vec![], None));
        assert_eq!(read("\u{feff}\r\n", SMALL), (vec![], None));
    }

    #[test]
    fn a_batch_is_bounded_by_keys_and_by_bytes() {
        let line = "{\"key\":\"k\",\"value\":\"v\"}\n";
        assert_eq!(read(&line.repeat(2001), SMALL), (vec![1000, 1000, 1], None));
        let mebibytes =
            |n: usize| format!("{{\"key\":\"k\",\"value\":\"{}\"}}\n", "x".repeat(n << 20));
        let input = [3, 4, 4, 16, 1, 1].map(mebibytes).concat();
        assert_eq!(read(&input, Limits::default()), (vec![2, 1, 1, 2], None));
    }

    #[test]
    fn the_longest_line_is_read() {
        let value = "\\u0001".repeat(SMALL.value_bytes);
        let line = format!("{{\"key\":\"\\u0001\",\"value\":\"{value}\"}}");
        assert_eq!(read(&line, SMALL), (vec![1], None));
    }
}
