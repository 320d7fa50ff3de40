use std::io;

use bytes::{Buf as _, BytesMut};
use redis::Value;

/// Finds whole replies (RESP2, RESP3) in what has come in.
///
/// A reply is looked through once, whatever the pieces it comes in, and parsed when it is whole. One
/// whose strings have more bytes than the caller can hold is discarded as it comes in, from the
/// header of the string on that passes the bound.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: BytesMut,
    /// How far the first reply was looked through.
    scanned: usize,
    /// How many elements of it are missing from there on; 0 between two replies.
    missing: usize,
    /// How many bytes the strings of it have so far.
    strings: usize,
    /// Whether it is being discarded.
    is_too_large: bool,
    /// How many bytes still to come belong to a string that is being discarded.
    skip: usize,
}

/// What a server answered.
#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    /// All of it.
    Whole(Value),
    /// Its strings have so many bytes together, more than the caller can hold.
    TooLarge { bytes: usize },
}

// === impl Decoder ===

impl Decoder {
    /// More than Redis lets a value have (512 MiB) is no length.
    const MAX_LENGTH: usize = 1 << 30;
    /// No line of a reply is as long: lines are numbers, states and errors.
    const MAX_LINE: usize = 64 * 1024;

    /// Where to put what is read.
    pub(crate) fn room(&mut self) -> &mut BytesMut {
        self.buffer.reserve(16 * 1024);
        &mut self.buffer
    }

    /// The next reply, `None` until it is whole. `max` is how many bytes its strings may have
    /// together, and has to be the same until then.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] for what is no reply; nothing behind it can be read.
    pub(crate) fn next(&mut self, max: usize) -> io::Result<Option<Reply>> {
        if !self.scan(max)? {
            return Ok(None);
        }
        let bytes = std::mem::take(&mut self.strings);
        if std::mem::take(&mut self.is_too_large) {
            return Ok(Some(Reply::TooLarge { bytes }));
        }
        let end = std::mem::take(&mut self.scanned);
        let reply = if self.buffer[0] == b'$' {
            bulk(&self.buffer[..end])
        } else {
            redis::parse_redis_value(&self.buffer[..end]).map_err(|_| nonsense())?
        };
        self.buffer.advance(end);
        Ok(Some(Reply::Whole(reply)))
    }

    /// Whether the first reply is whole; `scanned` is its end then.
    fn scan(&mut self, max: usize) -> io::Result<bool> {
        if !self.skip() {
            return Ok(false);
        }
        // With nothing missing, what was skipped was the end of a reply.
        if self.missing == 0 && !self.is_too_large {
            self.missing = 1;
        }
        while self.missing > 0 {
            let rest = &self.buffer[self.scanned..];
            let Some(line) = rest.iter().position(|byte| *byte == b'\n') else {
                if rest.len() > Self::MAX_LINE {
                    return Err(nonsense());
                }
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
                        self.is_too_large |= self.strings.saturating_add(bytes) > max;
                        if rest.len() < end && !self.is_too_large {
                            return Ok(false);
                        }
                        self.strings = self.strings.saturating_add(bytes);
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
            if self.is_too_large {
                self.skip = std::mem::take(&mut self.scanned);
                if !self.skip() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Discards what has come in of a string that is too large; whether that is all of it.
    fn skip(&mut self) -> bool {
        let here = self.skip.min(self.buffer.len());
        self.buffer.advance(here);
        self.skip -= here;
        self.skip == 0
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

    fn decoded_within(pieces: &[&[u8]], max: usize) -> Vec<Reply> {
        let mut decoder = Decoder::default();
        let mut replies = Vec::new();
        for piece in pieces {
            decoder.room().extend_from_slice(piece);
            while let Some(reply) = decoder.next(max).unwrap() {
                replies.push(reply);
            }
        }
        replies
    }

    fn decoded(pieces: &[&[u8]]) -> Vec<Value> {
        let replies = decoded_within(pieces, usize::MAX).into_iter();
        let whole = replies.map(|reply| match reply {
            Reply::Whole(reply) => reply,
            Reply::TooLarge { .. } => panic!("there is no bound"),
        });
        whole.collect()
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
            assert!(decoder.next(usize::MAX).is_err(), "{text:?}");
        }
    }

    #[test]
    fn of_a_reply_that_is_too_large_nothing_is_kept_and_the_next_one_is_read() {
        let replies = b"$4\r\nabcd\r\n$5\r\nabcde\r\n*4\r\n$2\r\nab\r\n*1\r\n$3\r\nabc\r\n:1\r\n\
            $9\r\nabcdefghi\r\n*2\r\n$2\r\nab\r\n$2\r\ncd\r\n+OK\r\n";
        let read = decoded_within(&[replies], 4);
        let sizes: Vec<_> = read
            .iter()
            .map(|reply| match reply {
                Reply::Whole(_) => None,
                Reply::TooLarge { bytes } => Some(*bytes),
            })
            .collect();
        assert_eq!(sizes, [None, Some(5), Some(14), None, None]);
        assert_eq!(read[4], Reply::Whole(Value::Okay));
        let bytes: Vec<&[u8]> = replies.chunks(1).collect();
        assert_eq!(decoded_within(&bytes, 4), read);
        for at in 0..replies.len() {
            let (before, after) = replies.split_at(at);
            assert_eq!(decoded_within(&[before, after], 4), read, "cut at {at}");
        }
    }

    #[test]
    fn a_string_that_is_too_large_takes_no_room() {
        let mut decoder = Decoder::default();
        decoder.room().extend_from_slice(b"$100000000\r\n");
        for _ in 0..1000 {
            decoder.room().extend_from_slice(&vec![b'x'; 100_000]);
            assert_eq!(decoder.next(1000).unwrap(), None);
            assert!(decoder.buffer.is_empty());
        }
        decoder.room().extend_from_slice(b"\r\n");
        let bytes = 100_000_000;
        let reply = decoder.next(1000).unwrap();
        assert_eq!(reply, Some(Reply::TooLarge { bytes }));
    }

    #[test]
    fn a_line_without_an_end_is_no_reply() {
        let mut decoder = Decoder::default();
        decoder
            .room()
            .extend_from_slice(&vec![b'+'; Decoder::MAX_LINE + 1]);
        assert!(decoder.next(usize::MAX).is_err());
    }
}
