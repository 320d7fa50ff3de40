use keywell_runtime::invoke::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Stdin};

use crate::cli::failed::Failed;

/// The lines of standard input, each of a bounded length.
pub(super) struct Lines {
    input: BufReader<Stdin>,
    /// The number of the line that was read last, from 1.
    number: u64,
}

/// A line and its number; an error if the line is not UTF-8 or is too long.
type Line = (u64, Result<String, Failed>);

// === impl Lines ===

impl Lines {
    /// As many bytes as the longest call has, with its name.
    const MOST: u64 = json::MAX_BYTES as u64 + 4096;

    pub(super) fn of_stdin() -> Self {
        Self {
            input: BufReader::new(tokio::io::stdin()),
            number: 0,
        }
    }

    /// The next line; none at the end.
    ///
    /// # Errors
    ///
    /// Where standard input cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Line>, Failed> {
        let mut line = Vec::new();
        if self.read(&mut line).await? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.ends_with(b"\n") || (line.len() as u64) < Self::MOST {
            let text = String::from_utf8(line);
            let text = text.map_err(|_| Failed::Usage("the line is no UTF-8".to_owned()));
            return Ok(Some((self.number, text)));
        }
        // The rest of it is no call.
        let mut rest = Vec::new();
        while !rest.ends_with(b"\n") {
            rest.clear();
            if self.read(&mut rest).await? == 0 {
                break;
            }
        }
        let most = Self::MOST;
        let error = format!("the line is longer than {most} bytes, the most that a call may have");
        Ok(Some((self.number, Err(Failed::Usage(error)))))
    }

    /// Reads to the end of the line, or as far as a line may go.
    async fn read(&mut self, line: &mut Vec<u8>) -> Result<usize, Failed> {
        let mut input = (&mut self.input).take(Self::MOST);
        let read = input.read_until(b'\n', line).await;
        read.map_err(|error| Failed::because("cannot read standard input", error))
    }
}
