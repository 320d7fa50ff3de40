use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use keywell_client::{Deadline, tcp};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tower_service::Service;

use super::turns::{DialTurn, DialTurns, HostPort};

/// Connects to hosts by TCP, when it is their turn.
#[derive(Clone, Default)]
pub(super) struct Connector(Arc<DialTurns>);

/// A connector whose connections, TLS and the wait for a turn included, are made in the time of
/// [`connecting`].
#[derive(Clone)]
pub(super) struct Bounded<C>(pub(super) C);

/// A connection, and its turn until the server has sent something or was silent for long enough.
pub(super) struct Opened {
    stream: TcpStream,
    turn: Option<(DialTurn, Pin<Box<Sleep>>)>,
}

/// A connection took too long to be made.
#[derive(Debug, thiserror::Error)]
#[error("connecting took too long")]
pub(super) struct ConnectTimedOut;

/// A host's name has no address.
#[derive(Debug, thiserror::Error)]
#[error("the name has no address: {0}")]
pub(super) struct Unresolved(#[source] io::Error);

/// A connection is not needed any more: its request got one that another request had used.
#[derive(Debug, thiserror::Error)]
#[error("the request has got another connection")]
struct NotNeeded;

type Boxed = Box<dyn std::error::Error + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, Boxed>> + Send>>;

tokio::task_local! {
    // The pool asks for a connection with nothing but its address, in the task of the request.
    static CONNECT_WITHIN: Duration;
}

/// Sends a request whose connection, if it needs a new one, is made within this time.
pub(super) async fn connecting<F: Future>(within: Duration, sending: F) -> F::Output {
    CONNECT_WITHIN.scope(within, sending).await
}

// === impl Connector ===

impl Service<Uri> for Connector {
    type Response = TokioIo<Opened>;
    type Error = Boxed;
    type Future = Connecting<TokioIo<Opened>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Boxed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let turns = self.0.clone();
        Box::pin(async move {
            let (name, port) = host(&uri);
            let turn = while_needed(turns.take((name.clone(), port))).await?;
            let addresses = tcp::resolve(&name, port).await.map_err(Unresolved)?;
            let stream = tcp::connect(addresses).await?;
            Ok(TokioIo::new(Opened::new(stream, turn)))
        })
    }
}

/// Waits for a turn until the request gets a connection that another has done with. The pool finishes
/// what it began to connect for such a request in a task of its own. What is connected by then can be
/// kept; what still waits would take a turn for nothing, from a request that waits behind it.
async fn while_needed(turn: impl Future<Output = DialTurn>) -> Result<DialTurn, NotNeeded> {
    let mut turn = pin!(turn);
    std::future::poll_fn(|cx| {
        // Set in the task of the request, and in no other.
        if CONNECT_WITHIN.try_with(|_| ()).is_err() {
            return Poll::Ready(Err(NotNeeded));
        }
        turn.as_mut().poll(cx).map(Ok)
    })
    .await
}

/// Where a URI leads.
fn host(uri: &Uri) -> HostPort {
    let name = uri.host().unwrap_or_default();
    // An IPv6 address is in brackets in a URI alone.
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let is_https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
    let usual = if is_https { 443 } else { 80 };
    (name.to_ascii_lowercase(), uri.port_u16().unwrap_or(usual))
}

// === impl Bounded ===

impl<C> Service<Uri> for Bounded<C>
where
    C: Service<Uri, Future: Send + 'static, Error: Into<Boxed>>,
{
    type Response = C::Response;
    type Error = Boxed;
    type Future = Connecting<C::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Boxed>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // Outside of a request there is nothing to connect for.
        let within = CONNECT_WITHIN.try_with(|within| *within);
        let deadline = Deadline::after(within.unwrap_or_default());
        let connecting = self.0.call(uri);
        Box::pin(async move {
            match deadline.bound(connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(ConnectTimedOut.into()),
            }
        })
    }
}

// === impl Opened ===

impl Opened {
    fn new(stream: TcpStream, turn: DialTurn) -> Self {
        let silent = tokio::time::sleep_until(Instant::now() + DialTurns::SILENCE);
        Self {
            stream,
            turn: Some((turn, Box::pin(silent))),
        }
    }
}

impl Connection for Opened {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

impl AsyncRead for Opened {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Some((_, silent)) = &mut self.turn
            && (read.is_ready() || silent.as_mut().poll(cx).is_ready())
        {
            self.turn = None;
        }
        read
    }
}

impl AsyncWrite for Opened {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_host_has_one_spelling_and_a_port() {
        for (uri, name, port) in [
            ("http://Example.com/x", "example.com", 80),
            ("https://example.com/x", "example.com", 443),
            ("https://example.com:80/", "example.com", 80),
            ("http://[::1]:8080/", "::1", 8080),
        ] {
            assert_eq!(host(&uri.parse().unwrap()), (name.to_owned(), port));
        }
    }

    #[tokio::test]
    async fn the_wait_for_a_turn_is_a_part_of_connecting() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri: Uri = format!("http://{}/", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let connector = Connector::default();
        let mut bounded = Bounded(connector.clone());
        let mut turns = Vec::new();
        for _ in 0..DialTurns::MOST {
            turns.push(connector.0.take(host(&uri)).await);
        }
        let connect = connecting(Duration::from_millis(20), async {
            bounded.call(uri.clone()).await
        });
        let late = connect.await.err().unwrap();
        assert!(late.is::<ConnectTimedOut>(), "{late}");

        turns.clear();
        let connect = connecting(Duration::from_mins(1), async { bounded.call(uri).await });
        assert!(connect.await.is_ok());
    }

    #[tokio::test]
    async fn a_connection_that_no_request_needs_takes_no_turn() {
        let mut connector = Connector::default();
        let connecting = connector.call("http://127.0.0.1:1/".parse().unwrap());
        let unneeded = connecting.await.err().unwrap();
        assert!(unneeded.is::<NotNeeded>(), "{unneeded}");
    }
}
