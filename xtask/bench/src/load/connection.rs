use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Done;

/// A request for a path.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n")
}

/// A request with a body of JSON.
pub(crate) fn post(path: &str, json: &str) -> String {
    let length = json.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{json}"
    )
}

/// A kept connection that asks the same again and again.
pub(crate) struct Connection {
    stream: TcpStream,
    request: String,
    response: Vec<u8>,
}

// === impl Connection ===

impl Connection {
    pub(crate) async fn open(address: &str, request: &str) -> Done<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            request: request.to_owned(),
            response: Vec::with_capacity(4096),
        })
    }

    /// Asks, and reads the answer to its end.
    ///
    /// # Errors
    ///
    /// When the answer is not one of success.
    pub(crate) async fn ask(&mut self) -> Done {
        self.stream.write_all(self.request.as_bytes()).await?;
        self.response.clear();
        while !is_whole(&self.response)? {
            if self.stream.read_buf(&mut self.response).await? == 0 {
                return Err("the server closed a connection".into());
            }
        }
        Ok(())
    }
}

/// Whether a response is there to its end, and is one of success.
fn is_whole(response: &[u8]) -> Done<bool> {
    let Some(end) = response.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(false);
    };
    if !response.starts_with(b"HTTP/1.1 200") {
        return Err(format!("answered {}", String::from_utf8_lossy(response)).into());
    }
    let head = std::str::from_utf8(&response[..end])?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    match length {
        Some(length) => Ok(response.len() >= end + 4 + length?),
        None => Ok(response.ends_with(b"0\r\n\r\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_whole_with_its_last_byte() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        for end in 0..whole.len() {
            assert!(!is_whole(&whole[..end]).unwrap(), "{end}");
        }
        assert!(is_whole(whole).unwrap());
        let chunked = b"HTTP/1.1 200 OK\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        assert!(is_whole(chunked).unwrap());
        assert!(!is_whole(&chunked[..chunked.len() - 5]).unwrap());
    }

    #[test]
    fn an_answer_that_is_no_success_is_an_error() {
        assert!(is_whole(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}
