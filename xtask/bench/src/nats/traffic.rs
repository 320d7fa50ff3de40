use keywell_servers::{Nats, NatsBuilder, Port};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Done;

/// A server that says what clients sent to it.
pub(crate) struct Counting {
    pub(crate) server: Nats,
    monitor: Port,
}

/// What clients sent: messages, and the bytes of their payloads and headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Traffic {
    #[serde(rename = "in_msgs")]
    pub(crate) messages: u64,
    #[serde(rename = "in_bytes")]
    pub(crate) bytes: u64,
}

// === impl Counting ===

impl Counting {
    pub(crate) async fn start(settings: NatsBuilder) -> Done<Self> {
        let monitor = Port::claim()?;
        let listen = format!("http: \"{}\"", monitor.address());
        let server = settings.config(listen).start().await?;
        Ok(Self { server, monitor })
    }

    /// What was sent since it started.
    pub(crate) async fn traffic(&self) -> Done<Traffic> {
        let mut stream = TcpStream::connect(self.monitor.address()).await?;
        stream.write_all(b"GET /varz HTTP/1.0\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP")?;
        Ok(serde_json::from_str(body)?)
    }
}

// === impl Traffic ===

impl Traffic {
    /// What was sent since.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            messages: self.messages - before.messages,
            bytes: self.bytes - before.bytes,
        }
    }
}
