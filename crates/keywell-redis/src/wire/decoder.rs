use std::io;

use bytes::{Buf as _, BytesMut};
use redis::Value;

/// Finds whole replies (RESP2, RESP3) in what has come in.
///
/// A reply is looked through once, whatever the pieces it comes in, and parsed when it is whole.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: BytesMut,
    /// How far the first reply was looked through.
    scanned: usize,
    /// How many elements of it are missing from there on; 0 between two replies.
    missing: usize,
}

// === impl Decoder ===

impl Decoder {
    /// More than Redis lets a value have (512 MiB) is no length.
    const MAX_LENGTH: usize = 1 << 30;

    /// Where to put what is read.
    pub(crate) fn room(&mut self) -> &mut BytesMut {
        self.buffer.reserve(16 * 1024);
        &mut self.buffer
    }

    /// The next reply, `None` until it is whole.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] for what is no reply; nothing behind it can be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<Value>> {
        if !self.scan()? {
            return Ok(None);
        }
        let end = std::mem::take(&mut self.scanned);
        let reply = if self.buffer[0] == b'$' {
            bulk(&self.buffer[..end])
        } else {
            redis::parse_redis_value(&self.buffer[..end]).map_err(|_| nonsense())?
        };
        self.buffer.advance(end);
        Ok(Some(reply))
    }

    /// Whether the first reply is whole; `scanned` is its end then.
    fn scan(&mut self) -> io::Result<bool> {
        if self.missing == 0 {
            self.missing = 1;
        }
        while self.missing > 0 {
            let rest = &self.buffer[self.scanned..];
            let Some(line) = rest.iter().position(|byte| *byte == b'\n') else {
                return Ok(false);
            };
            let kind = rest[0];
            let text = rest[..line].strip_suffix(b"\r").ok_or_else(nonsense)?;
            let text = text.get(1..).ok_or_else(nonsense)?;
            let mut end = line + 1;
            match kind {
                b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {}
                b'$' | b'=' | b'!' => {
                    if let Some(bytes) = length(text)? {
                        end += bytes + 2;
                        if rest.len() < end {
                            return Ok(false);
                        }
                    }
                }
                b'*' | b'~' | b'>' => self.missing += length(text)?.unwrap_or(0),
                b'%' => self.missing += 2 * length(text)?.unwrap_or(0),
                // Attributes stand in front of what they are of.
                b'|' => self.missing += 2 * length(text)?.unwrap_or(0) + 1,
                _ => return Err(nonsense()),
            }
            self.scanned += end;
            self.missing -= 1;
        }
        Ok(true)
    }
}

/// A whole bulk string.
fn bulk(reply: &[u8]) -> Value {
    let line = reply.iter().position(|byte| *byte == b'\n');
    match line {
        Some(line) if line + 3 <= reply.len() => {
            Value::BulkString(reply[line + 1..reply.len() - 2].to_vec())
        }
        _ => Value::Nil,
    }
}

/// The length of a bulk string or an array; `None` for nil.
fn length(text: &[u8]) -> io::Result<Option<usize>> {
    if text == b"-1" {
        return Ok(None);
    }
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|length| *length <= Decoder::MAX_LENGTH)
        .map(Some)
        .ok_or_else(nonsense)
}

fn nonsense() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "what was received is no reply of a Redis server",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(pieces: &[&[u8]]) -> Vec<Value> {
        let mut decoder = Decoder::default();
        let mut replies = Vec::new();
        for piece in pieces {
            decoder.room().extend_from_slice(piece);
            while let Some(reply) = decoder.next().unwrap() {
                replies.push(reply);
            }
        }
        replies
    }

    const REPLIES: &[u8] = b"+OK\r\n:-7\r\n$-1\r\n$0\r\n\r\n$3\r\na\r\n\r\n*-1\r\n*0\r\n\
        *3\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n+PONG\r\n-ERR no\r\n";

    #[test]
    fn replies_are_read_in_whatever_pieces_they_come() {
        let whole = decoded(&[REPLIES]);
        assert_eq!(whole.len(), 9, "{whole:?}");
        assert_eq!(whole[0], Value::Okay);
        assert_eq!(whole[3], Value::BulkString(Vec::new()));
        assert_eq!(whole[4], Value::BulkString(b"a\r\n".to_vec()));
        assert!(matches!(&whole[8], Value::ServerError(error) if error.code() == "ERR"));
        let bytes: Vec<&[u8]> = REPLIES.chunks(1).collect();
        assert_eq!(decoded(&bytes), whole);
        for at in 0..REPLIES.len() {
            let (before, after) = REPLIES.split_at(at);
            assert_eq!(decoded(&[before, after]), whole, "cut at {at}");
        }
    }

    #[test]
    fn replies_of_the_third_version_are_read_too() {
        let replies = b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n%1\r\n+k\r\n_\r\n#t\r\n";
        let pieces: Vec<&[u8]> = replies.chunks(1).collect();
        let read = decoded(&pieces);
        assert!(
            matches!(&read[0], Value::Push { data, .. } if data.len() == 2),
            "{read:?}"
        );
        assert!(matches!(&read[1], Value::Map(_)), "{read:?}");
        assert_eq!(read[2], Value::Boolean(true));
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for text in [
            "HTTP/1.1 400\r\n",
            "$x\r\n",
            "*99999999999\r\n",
            "\n",
            "+OK\n",
            "$-2\r\n",
        ] {
            let mut decoder = Decoder::default();
            decoder.room().extend_from_slice(text.as_bytes());
            assert!(decoder.next().is_err(), "{text:?}");
        }
    }
}
