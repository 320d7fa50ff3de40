use std::io;
use std::time::Duration;

use redis::{Cmd, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::decoder::{Decoder, Reply};
use super::stream::Stream;
use crate::options::Address;

/// A connection that one caller has to itself, for what would hold up others: commands that wait
/// (`XREAD BLOCK`), and subscriptions.
///
/// A call that fails or is dropped half-way leaves it out of step: let go of it then.
pub(crate) struct Dedicated {
    stream: Stream,
    decoder: Decoder,
    server: Address,
}

// === impl Dedicated ===

impl Dedicated {
    pub(super) fn new(stream: Stream, server: Address) -> Self {
        Self {
            stream,
            decoder: Decoder::default(),
            server,
        }
    }

    /// The address that it was made to.
    pub(crate) fn server(&self) -> &Address {
        &self.server
    }

    /// Sends commands, whose replies are to be read one by one.
    pub(crate) async fn send(&mut self, commands: &[&Cmd]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for command in commands {
            command.write_packed_command(&mut bytes);
        }
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }

    /// The next reply, or what the server sends to a subscriber. May be dropped and called again.
    pub(crate) async fn reply(&mut self) -> io::Result<Value> {
        loop {
            if let Some(reply) = self.buffered()? {
                return Ok(reply);
            }
            if self.stream.read_buf(self.decoder.room()).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The next reply if it is whole already, without waiting.
    pub(crate) fn buffered(&mut self) -> io::Result<Option<Value>> {
        Ok(match self.decoder.next(usize::MAX)? {
            Some(Reply::Whole(reply)) => Some(reply),
            Some(Reply::TooLarge { .. }) | None => None,
        })
    }

    /// One command and its reply, which may be an error of the server.
    ///
    /// # Errors
    ///
    /// Also [`io::ErrorKind::TimedOut`] when there is no reply within that time.
    pub(crate) async fn call(&mut self, command: &Cmd, within: Duration) -> io::Result<Value> {
        let called = timeout(within, async {
            self.send(&[command]).await?;
            self.reply().await
        });
        called.await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// For a driver. Nothing was read that no one asked for, or it is out of step.
    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }
}
