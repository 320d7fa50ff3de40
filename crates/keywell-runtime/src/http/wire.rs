use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

use super::connection::Connection;

/// The socket of a connection, which notes since when a write waits for the client.
///
/// When HTTP has no more use for it, the connection has it back, unless the client has ended it.
pub(super) struct Wire {
    /// Until this is dropped.
    stream: Option<TcpStream>,
    connection: Arc<Connection>,
    has_client_ended: bool,
}

/// How long a client may take to notice that its connection is closed.
const LINGER: Duration = Duration::from_secs(2);
/// How much of what a client still sends is read meanwhile, in bytes.
const LINGER_BYTES: u64 = 64 << 20;

/// Closes a connection so that what was last written arrives: the system resets one at once where
/// bytes come, or have come, that are never read, and a client then loses what it has not read yet.
pub(super) async fn linger(mut stream: TcpStream) {
    let closing = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    drop(tokio::time::timeout(LINGER, closing).await);
}

// === impl Wire ===

impl Wire {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self {
            stream: Some(stream),
            connection,
            has_client_ended: false,
        }
    }

    /// Whether what was sent must not look whole.
    pub(super) fn is_reset(&self) -> bool {
        self.connection.is_reset()
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        let stream = self.stream.as_mut();
        Pin::new(stream.expect("a wire has its stream until it is dropped"))
    }

    fn written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.connection.write_waits(written.is_pending());
        written
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            if self.connection.is_reset() {
                drop(stream.set_zero_linger());
            } else if !self.has_client_ended {
                self.connection.give_back(stream);
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        let read = self.stream().poll_read(cx, buffer);
        if matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() == before && room > 0 {
            self.has_client_ended = true;
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream().poll_write(cx, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream().poll_write_vectored(cx, pieces);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
