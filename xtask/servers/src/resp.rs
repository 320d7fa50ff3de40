//! A plain client for what a test asks a server itself, past what is being tested: it pools, retries
//! and hides nothing.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::wait::PATIENCE;

/// A server's answer, as RESP2 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A number.
    Int(i64),
    /// A status or a string.
    Text(Vec<u8>),
    /// Several answers.
    Array(Vec<Reply>),
    /// An error within an array.
    Error(String),
}

/// A connection.
#[derive(Debug)]
pub struct Connection(BufReader<TcpStream>);

// === impl Connection ===

impl Connection {
    /// Connects.
    pub async fn open(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for an answer that is an error, [`Error::Late`] after 30 s.
    pub async fn command(&mut self, words: &[&str]) -> Result<Reply> {
        let answer = timeout(PATIENCE, async {
            self.send(words).await?;
            self.receive().await
        });
        match answer.await {
            Ok(Ok(Reply::Error(error))) => Err(Error::Refused(error)),
            Ok(answer) => answer,
            Err(_) => Err(Error::Late {
                what: format!("an answer to {words:?}"),
                within: PATIENCE,
            }),
        }
    }

    /// Sends a command and does not wait.
    pub async fn send(&mut self, words: &[&str]) -> Result<()> {
        let mut message = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            message.extend(format!("${}\r\n", word.len()).bytes());
            message.extend(word.bytes());
            message.extend(b"\r\n");
        }
        Ok(self.0.write_all(&message).await?)
    }

    /// The next answer or message, however long it takes.
    pub async fn receive(&mut self) -> Result<Reply> {
        let mut line = String::new();
        if self.0.read_line(&mut line).await? == 0 {
            return Err(Error::Io(std::io::ErrorKind::UnexpectedEof.into()));
        }
        let strange = || Error::Protocol(line.clone());
        let (kind, rest) = line.trim_end().split_at_checked(1).ok_or_else(strange)?;
        let number = || rest.parse::<i64>().map_err(|_| strange());
        match kind {
            "+" => Ok(Reply::Text(rest.into())),
            "-" => Ok(Reply::Error(rest.into())),
            ":" => Ok(Reply::Int(number()?)),
            "$" => {
                let Ok(length) = usize::try_from(number()?) else {
                    return Ok(Reply::Nil);
                };
                let mut text = vec![0; length + 2];
                self.0.read_exact(&mut text).await?;
                text.truncate(length);
                Ok(Reply::Text(text))
            }
            "*" => {
                let Ok(length) = usize::try_from(number()?) else {
                    return Ok(Reply::Nil);
                };
                let mut replies = Vec::new();
                for _ in 0..length {
                    replies.push(Box::pin(self.receive()).await?);
                }
                Ok(Reply::Array(replies))
            }
            _ => Err(strange()),
        }
    }
}

// === impl Reply ===

impl Reply {
    /// The text, lossily; empty if it is none.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Self::Int(number) => number.to_string(),
            Self::Error(error) => error.clone(),
            Self::Nil | Self::Array(_) => String::new(),
        }
    }

    /// The answers of an array; none if it is none.
    pub fn items(&self) -> &[Reply] {
        match self {
            Self::Array(replies) => replies,
            _ => &[],
        }
    }
}
