//! A client of HTTP/1 that sends what it is given.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::Done;

/// A connection.
pub(crate) struct Client(BufReader<TcpStream>);

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended where it should, rather than being cut off.
    pub(crate) is_complete: bool,
}

/// A request for a path, on a connection that goes on.
pub(crate) fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
}

/// Asks on a connection of its own.
pub(crate) fn get(address: &str, path: &str, within: Duration) -> Done<Response> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    Client::asks(address, &request, within)?.response()
}

// === impl Client ===

impl Client {
    pub(crate) fn connect(address: &str, within: Duration) -> Done<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(within))?;
        stream.set_write_timeout(Some(within))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Connects and sends.
    pub(crate) fn asks(address: &str, text: impl AsRef<[u8]>, within: Duration) -> Done<Self> {
        let mut client = Self::connect(address, within)?;
        client.send(text)?;
        Ok(client)
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> Done {
        Ok(self.0.get_mut().write_all(bytes.as_ref())?)
    }

    /// Says that nothing more comes.
    pub(crate) fn finish(&self) -> Done {
        Ok(self.0.get_ref().shutdown(Shutdown::Write)?)
    }

    /// Reads some bytes; none where the connection ended.
    pub(crate) fn read_some(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }

    /// Waits for the end of the connection; whether it came in time.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut buffer = [0; 4096];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    let late = [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut];
                    return !late.contains(&error.kind());
                }
            }
        }
    }

    /// Reads one response.
    pub(crate) fn response(&mut self) -> Done<Response> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(format!("no answer, the connection ended behind {head:?}").into());
            }
        }
        let head = head.to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap_or_default();
        let status = status.parse().map_err(|_| format!("no answer: {head:?}"))?;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let (body, is_complete) = match length {
            Some(length) => self.sized(length.trim().parse()?),
            None if head.contains("transfer-encoding: chunked") => self.chunked(),
            None if (100..200).contains(&status) || status == 204 => (Vec::new(), true),
            None => {
                let mut body = Vec::new();
                let is_complete = self.0.read_to_end(&mut body).is_ok();
                (body, is_complete)
            }
        };
        Ok(Response {
            status,
            body,
            is_complete,
        })
    }

    fn sized(&mut self, length: u64) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        let is_complete = (&mut self.0).take(length).read_to_end(&mut body).is_ok();
        let is_complete = is_complete && body.len() as u64 == length;
        (body, is_complete)
    }

    fn chunked(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).is_err() {
                return (body, false);
            }
            let Ok(size) = u64::from_str_radix(line.trim(), 16) else {
                return (body, false);
            };
            let (chunk, is_complete) = self.sized(size + 2);
            if !is_complete {
                return (body, false);
            }
            if size == 0 {
                return (body, true);
            }
            body.extend_from_slice(chunk.strip_suffix(b"\r\n").unwrap_or(&chunk));
        }
    }
}

// === impl Response ===

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
