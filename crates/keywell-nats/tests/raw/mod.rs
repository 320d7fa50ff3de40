//! A client of NATS that sends any bytes, over a socket of its own.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Headers, and one subject, that clients do not take.
pub(crate) const BROKEN: [&[u8]; 5] = [
    b"NATS/1.0\r\nX: a\rb\r\n\r\n",
    b"NATS/1.0\r\nX: a\xffb\r\n\r\n",
    b"NATS/1.0\r\nno colon\r\n\r\n",
    b"NATS/1.0 status\r\n\r\n",
    b"hello\r\n\r\n",
];

/// A connection.
pub(crate) struct Raw(BufReader<TcpStream>);

// === impl Raw ===

impl Raw {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let hello = "CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB raw 1\r\n";
        stream.write_all(hello.as_bytes()).await.unwrap();
        Self(BufReader::new(stream))
    }

    /// Publishes, and waits until the server has taken it.
    pub(crate) async fn publish(&mut self, subject: &[u8], headers: &[u8], payload: &[u8]) {
        self.send(subject, b"", headers, payload).await;
        self.0.write_all(b"PING\r\n").await.unwrap();
        while self.line().await != "PONG" {}
    }

    /// Publishes to a stream, and answers the stream's answer.
    pub(crate) async fn store(&mut self, subject: &[u8], headers: &[u8], payload: &[u8]) -> String {
        self.send(subject, b"raw", headers, payload).await;
        loop {
            let line = self.line().await;
            if let Some((_, length)) = line.rsplit_once(' ').filter(|_| line.starts_with("MSG")) {
                let mut answer = vec![0; length.parse::<usize>().unwrap() + 2];
                self.0.read_exact(&mut answer).await.unwrap();
                return String::from_utf8(answer).unwrap();
            }
        }
    }

    /// Answers the next requests of readers, beside the server, 64 times each: that there are no
    /// messages.
    pub(crate) async fn end_pulls(mut self, requests: usize) {
        let pulls = b"SUB $JS.API.CONSUMER.MSG.NEXT.> 2\r\nPING\r\n";
        self.0.write_all(pulls).await.unwrap();
        while self.line().await != "PONG" {}
        tokio::spawn(async move {
            for _ in 0..requests {
                let line = self.line().await;
                let [_, _, _, inbox, _] = *line.split(' ').collect::<Vec<_>>() else {
                    continue;
                };
                let none = b"NATS/1.0 404 No Messages\r\n\r\n";
                for _ in 0..64 {
                    self.send(inbox.as_bytes(), b"", none, b"").await;
                }
            }
            // What comes later is not read.
            std::future::pending::<()>().await;
        });
    }

    async fn send(&mut self, subject: &[u8], reply: &[u8], headers: &[u8], payload: &[u8]) {
        let lengths = format!("{} {}", headers.len(), headers.len() + payload.len());
        let parts = [
            b"HPUB ",
            subject,
            b" ",
            reply,
            b" ",
            lengths.as_bytes(),
            b"\r\n",
            headers,
            payload,
            b"\r\n",
        ];
        self.0.write_all(&parts.concat()).await.unwrap();
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        if line.starts_with("PING") {
            self.0.write_all(b"PONG\r\n").await.unwrap();
        }
        assert!(!line.is_empty() && !line.starts_with("-ERR"), "{line}");
        line.trim_end().to_owned()
    }
}
