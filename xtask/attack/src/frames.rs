//! A client of HTTP/2 made of bare frames, RFC 9113.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::Done;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// A connection whose server's frames are read only where that is asked for.
pub(crate) struct Http2(TcpStream);

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

// === impl Http2 ===

impl Http2 {
    /// Connects with these settings.
    pub(crate) fn connect(address: &str, settings: &[(u16, u32)], within: Duration) -> Done<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(within))?;
        stream.set_write_timeout(Some(within))?;
        stream.set_nodelay(true)?;
        let mut http2 = Self(stream);
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend(name.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        let mut start = PREFACE.to_vec();
        start.extend(frame(SETTINGS, 0, 0, &payload));
        http2.send(&start)?;
        Ok(http2)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Done {
        Ok(self.0.write_all(bytes)?)
    }

    /// The next frame of the server.
    pub(crate) fn receive(&mut self) -> Done<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let mut payload = vec![0; usize::try_from(length)?];
        self.0.read_exact(&mut payload)?;
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        Ok(Frame {
            kind,
            flags,
            stream,
            payload,
        })
    }

    /// Reads to the end of the connection, and answers whether it came in time.
    pub(crate) fn is_closed(&mut self) -> bool {
        loop {
            match self.receive() {
                Ok(frame) if frame.kind == GOAWAY && !frame.payload.ends_with(&[0; 4]) => {
                    return true;
                }
                Ok(_) => {}
                Err(error) => {
                    let error = error.downcast_ref::<std::io::Error>();
                    let kind = error.map(std::io::Error::kind);
                    let late = [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut];
                    return kind.is_none_or(|kind| !late.contains(&kind));
                }
            }
        }
    }
}

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The header block of a request, in literals of RFC 7541.
pub(crate) fn block(method: &str, path: &str) -> Vec<u8> {
    let mut block = vec![0x86]; // :scheme http
    block.extend(literal(2, method));
    block.extend(literal(4, path));
    block.extend(literal(1, "x")); // :authority
    block
}

/// A literal without indexing, whose name is an entry of the static table.
fn literal(name: u8, value: &str) -> Vec<u8> {
    let mut literal = vec![name];
    literal.extend(number(value.len(), 7, 0));
    literal.extend(value.as_bytes());
    literal
}

/// A literal that enters the dynamic table.
pub(crate) fn entered(name: &str, value: &str) -> Vec<u8> {
    let mut entered = vec![0x40];
    for text in [name, value] {
        entered.extend(number(text.len(), 7, 0));
        entered.extend(text.as_bytes());
    }
    entered
}

/// A number in so many bits of the first byte, RFC 7541, 5.1.
fn number(number: usize, bits: u32, first: u8) -> Vec<u8> {
    let most = (1 << bits) - 1;
    let low = |number: usize| u8::try_from(number & 0xff).unwrap_or(u8::MAX);
    if number < most {
        return vec![first | low(number)];
    }
    let mut bytes = vec![first | low(most)];
    let mut rest = number - most;
    while rest >= 128 {
        bytes.push(low(rest & 127) | 128);
        rest >>= 7;
    }
    bytes.push(low(rest));
    bytes
}

/// A GET in one frame.
pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    let block = block("GET", path);
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

/// The streams that a client may open, the first so many.
pub(crate) fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|n| 2 * n + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_standard() {
        // RFC 7541, C.1.
        assert_eq!(number(10, 5, 0), [10]);
        assert_eq!(number(1337, 5, 0), [31, 154, 10]);
        assert_eq!(number(42, 8, 0), [42]);
    }
}
