//! Commands and replies of the meta protocol.

use std::io;

use bytes::{BufMut as _, Bytes, BytesMut};
use keywell_store::{Error, Failure};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

use crate::fault::Fault;
use crate::life::Life;

/// The longest line of a reply. Errors and statistics are the longest.
const LINE: u64 = 8 << 10;
/// How many bytes of a value that is too large are read and discarded at once.
const SKIPPED: usize = 64 << 10;

/// A command as it is sent, all but the value's last line.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    head: String,
    value: Option<Bytes>,
}

/// What a write requires of the item.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    Always,
    Absent,
    /// It was last written by the write of this number.
    At(u64),
}

/// A reply, without what was not asked for.
#[derive(Debug)]
pub(crate) enum Reply {
    /// `HD`, or `VA` with a value: done, or found.
    Done(Item),
    /// `EN` or `NF`: there is no such item.
    Absent,
    /// `EX`, or `NS`: the item is not as it was required.
    Stale,
    /// Found, with a value of so many bytes, which are more than were wanted.
    TooLarge(usize),
}

/// What is known of an item.
#[derive(Debug, Default)]
pub(crate) struct Item {
    pub(crate) value: Bytes,
    /// The number of the write.
    pub(crate) number: u64,
    /// How many seconds are left; -1 for no end.
    pub(crate) left: i64,
    pub(crate) flags: u32,
}

// === impl Command ===

impl Command {
    /// Reads an item.
    pub(crate) fn get(name: &str) -> Self {
        Self::line(format!("mg {name} v c t f"))
    }

    /// Finds out whether an item is there.
    pub(crate) fn look(name: &str) -> Self {
        Self::line(format!("mg {name}"))
    }

    /// Writes an item, and answers its number.
    pub(crate) fn set(name: &str, value: Bytes, life: Life, when: When) -> Self {
        let Life { time, flags } = life;
        let when = match when {
            When::Always => String::new(),
            When::Absent => " ME".to_owned(),
            When::At(number) => format!(" C{number}"),
        };
        Self {
            head: format!("ms {name} {} c T{time} F{flags}{when}", value.len()),
            value: Some(value),
        }
    }

    pub(crate) fn delete(name: &str, when: When) -> Self {
        Self::line(match when {
            When::At(number) => format!("md {name} C{number}"),
            When::Always | When::Absent => format!("md {name}"),
        })
    }

    /// Adds to a number that stays without a sign and does not become shorter.
    pub(crate) fn add(name: &str, delta: i64, number: u64) -> Self {
        let mode = if delta < 0 { 'D' } else { 'I' };
        Self::line(format!(
            "ma {name} C{number} M{mode} D{}",
            delta.unsigned_abs()
        ))
    }

    /// Does nothing, which shows that a server answers.
    pub(crate) fn ping() -> Self {
        Self::line("mn".to_owned())
    }

    fn line(head: String) -> Self {
        Self { head, value: None }
    }

    pub(crate) fn write(&self, to: &mut BytesMut) {
        to.put_slice(self.head.as_bytes());
        to.put_slice(b"\r\n");
        if let Some(value) = &self.value {
            to.put_slice(value);
            to.put_slice(b"\r\n");
        }
    }
}

fn broken(line: &str) -> io::Error {
    let what = format!("{line:?} is no answer of Memcached");
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads a line, without its end.
pub(crate) async fn line(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<String> {
    let mut line = Vec::new();
    from.take(LINE).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.strip_suffix(b"\r\n").ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "a line of Memcached has no end")
    })?;
    Ok(String::from_utf8_lossy(line).into_owned())
}

/// Reads the reply to a command whose caller can hold a value of at most `max` bytes.
///
/// # Errors
///
/// Those of the connection, which is of no use afterwards. What the server refused is within.
pub(crate) async fn reply(
    from: &mut (impl AsyncBufRead + Unpin),
    max: usize,
) -> io::Result<Result<Reply, Fault>> {
    let line = line(from).await?;
    let mut words = line.split(' ');
    Ok(Ok(match words.next().unwrap_or_default() {
        "HD" => Reply::Done(item(words).ok_or_else(|| broken(&line))?),
        "VA" => {
            let length = words.next().and_then(|word| word.parse().ok());
            let length: usize = length.ok_or_else(|| broken(&line))?;
            let mut found = item(words).ok_or_else(|| broken(&line))?;
            if length > max {
                skip(from, length + 2).await?;
                return Ok(Ok(Reply::TooLarge(length)));
            }
            let mut value = vec![0; length + 2];
            from.read_exact(&mut value).await?;
            if !value.ends_with(b"\r\n") {
                return Err(broken("a value without its end"));
            }
            value.truncate(length);
            found.value = value.into();
            Reply::Done(found)
        }
        "EN" | "NF" => Reply::Absent,
        "EX" | "NS" => Reply::Stale,
        "MN" => Reply::Done(Item::default()),
        "ERROR" | "CLIENT_ERROR" | "SERVER_ERROR" => return Ok(Err(refused(&line))),
        _ => return Err(broken(&line)),
    }))
}

/// What flags say of an item; others than these are left out.
fn item<'a>(flags: impl Iterator<Item = &'a str>) -> Option<Item> {
    let mut item = Item {
        left: -1,
        ..Item::default()
    };
    for flag in flags {
        let (name, value) = flag.split_at_checked(1)?;
        match name {
            "c" => item.number = value.parse().ok()?,
            "t" => item.left = value.parse().ok()?,
            "f" => item.flags = value.parse().ok()?,
            _ => {}
        }
    }
    Some(item)
}

fn refused(line: &str) -> Fault {
    let failure = || Failure::new(format!("Memcached answers: {line}"));
    Fault::Refused(if line.contains("too large") {
        Error::Unsupported("a value past the size that its server is set to")
    } else if line.contains("unauthenticated") || line.contains("authentication failure") {
        Error::AccessDenied("Memcached asks for another user or password".into())
    } else if line.starts_with("SERVER_ERROR") {
        Error::Unavailable(failure())
    } else {
        Error::Internal(failure())
    })
}

async fn skip(from: &mut (impl AsyncBufRead + Unpin), mut bytes: usize) -> io::Result<()> {
    let mut room = vec![0; bytes.min(SKIPPED)];
    while bytes > 0 {
        let part = bytes.min(room.len());
        from.read_exact(&mut room[..part]).await?;
        bytes -= part;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &[u8], max: usize) -> io::Result<Result<Reply, Fault>> {
        let mut from = text;
        let reply = reply(&mut from, max).await;
        if reply.is_ok() {
            assert!(from.is_empty(), "the whole reply is read");
        }
        reply
    }

    #[tokio::test]
    async fn replies_are_read_whole_and_values_only_if_they_fit() {
        let found = read(b"VA 3 c7 t-1 f9 kname s3\r\na\r\n\r\n", 3).await;
        let Ok(Ok(Reply::Done(item))) = found else {
            panic!("{found:?}");
        };
        assert_eq!((&item.value[..], item.number), (&b"a\r\n"[..], 7));
        assert_eq!((item.left, item.flags), (-1, 9));
        let large = read(b"VA 3 c7\r\nabc\r\n", 2).await;
        assert!(matches!(large, Ok(Ok(Reply::TooLarge(3)))), "{large:?}");
        for (text, is_absent) in [("EN", true), ("NF", true), ("EX", false), ("NS c0", false)] {
            let reply = read(format!("{text}\r\n").as_bytes(), 0).await;
            let reply = reply.unwrap().unwrap();
            assert_eq!(matches!(reply, Reply::Absent), is_absent, "{reply:?}");
            assert_eq!(matches!(reply, Reply::Stale), !is_absent, "{reply:?}");
        }
        for text in ["SERVER_ERROR out of memory storing object", "ERROR"] {
            let reply = read(format!("{text}\r\n").as_bytes(), 0).await;
            assert!(matches!(reply, Ok(Err(Fault::Refused(_)))), "{reply:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_reply_ends_the_connection() {
        let endless = vec![b'x'; 9 << 10];
        for text in [
            &b""[..],
            b"HD",
            b"HD\n",
            b"VA x\r\n",
            b"VA 3\r\nab",
            b"VA 1\r\nabc",
            b"HD cx\r\n",
            b"HD \xc3\xa9\r\n",
            b"STORED\r\n",
            &endless,
        ] {
            let reply = read(text, 10).await;
            assert!(reply.is_err(), "{reply:?}");
        }
    }
}
