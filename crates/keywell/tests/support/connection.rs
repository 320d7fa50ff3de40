//! A connection that stays open between requests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use super::PATIENCE;

pub(crate) struct Connection(BufReader<TcpStream>);

// === impl Connection ===

impl Connection {
    pub(crate) fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    /// The status of the response to a request, and its body.
    pub(crate) fn get(&mut self, path: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let line = self.line();
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {line:?}"));
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let line = self.line().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            is_chunked |= line == "transfer-encoding: chunked";
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
        if !is_chunked {
            return (status, self.text(length));
        }
        let mut body = String::new();
        loop {
            let length = usize::from_str_radix(&self.line(), 16).unwrap();
            body += &self.text(length);
            assert_eq!(self.line(), "");
            if length == 0 {
                return (status, body);
            }
        }
    }

    fn text(&mut self, length: usize) -> String {
        let mut text = vec![0; length];
        self.0.read_exact(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let length = self.0.read_line(&mut line).unwrap();
        assert!(length > 0, "the connection was closed");
        line.trim_end().to_owned()
    }
}
