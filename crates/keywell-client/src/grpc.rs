//! HTTP/2 over one connection, as a service that gRPC is spoken over, by `tonic`.
//!
//! A connection that is lost is not made again here: the caller of a request that was never sent
//! learns so, and dials.

use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use crate::{TlsConnector, tcp};

/// How many bytes of responses may be under way to readers that are slow.
const WINDOW: u32 = 64 << 20;
/// Those of one response.
const STREAM_WINDOW: u32 = 2 << 20;
/// How often the server is asked whether it is there, while an answer is due. Servers refuse clients
/// that ask too often: etcd those that ask every 5 s.
const PING: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection. A clone shares it.
#[derive(Clone)]
pub struct Transport {
    sender: SendRequest<Body>,
    scheme: Scheme,
    authority: Authority,
}

// === impl Transport ===

impl Transport {
    /// Connects to a host, at this port unless the authority names one.
    ///
    /// # Errors
    ///
    /// Those of [`tcp::connect`], of TLS, and of the start of HTTP/2.
    pub async fn connect(
        authority: Authority,
        port: u16,
        tls: Option<&TlsConnector>,
    ) -> std::io::Result<Self> {
        let host = authority.host().trim_matches(['[', ']']);
        let port = authority.port_u16().unwrap_or(port);
        let stream = tcp::connect(tcp::resolve(host, port).await?).await?;
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(WINDOW)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING_TIMEOUT);
        let (sender, scheme) = if let Some(tls) = tls {
            let stream = tls.connect(host, stream).await?;
            (start(&builder, stream).await?, Scheme::HTTPS)
        } else {
            (start(&builder, stream).await?, Scheme::HTTP)
        };
        Ok(Self {
            sender,
            scheme,
            authority,
        })
    }
}

/// Runs a connection, which ends when the last of its senders and responses is dropped.
async fn start(
    builder: &Builder<TokioExecutor>,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> std::io::Result<SendRequest<Body>> {
    let handshake = builder.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(std::io::Error::other)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection for gRPC ended: {error}");
        }
    });
    Ok(sender)
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<'static, hyper::Result<Self::Response>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.sender.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let path = request.uri().path_and_query().cloned();
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = path;
        *request.uri_mut() = Uri::from_parts(parts).expect("each part is there");
        Box::pin(self.sender.send_request(request))
    }
}

/// The error of the connection that a status is made from, if it is not the server's.
pub fn lost(status: &Status) -> Option<&hyper::Error> {
    let mut next = std::error::Error::source(status);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
