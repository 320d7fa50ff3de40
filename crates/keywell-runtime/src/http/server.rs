use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::HttpApp;
use super::patience::Patience;
use crate::Error;

/// Listens for HTTP/1.1 and, by prior knowledge, HTTP/2 in clear text.
pub struct HttpServer {
    listener: TcpListener,
    addr: SocketAddr,
    app: HttpApp,
}

// === impl HttpServer ===

impl HttpServer {
    /// How many connections may be open at once; more wait to be accepted.
    const MAX_CONNECTIONS: usize = 10_000;
    /// How long a client may take to say anything, and to send a request's head.
    const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
    /// How many requests of one HTTP/2 connection may be under way.
    const MAX_STREAMS: u32 = 256;
    /// How long requests may take to finish once the server stops.
    const GRACE: Duration = Duration::from_secs(30);

    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`].
    pub async fn bind(addr: SocketAddr, app: HttpApp) -> Result<Self, Error> {
        let listen = |source| Error::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        Ok(Self {
            listener,
            addr,
            app,
        })
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `stop` is ready; then takes no new work, and returns when what runs is done,
    /// or after 30 seconds.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let connections = Arc::new(Semaphore::new(Self::MAX_CONNECTIONS));
        let graceful = GracefulShutdown::new();
        let protocol = protocol();
        let accepting = async {
            loop {
                let Ok(permit) = connections.clone().acquire_owned().await else {
                    return;
                };
                let stream = match self.listener.accept().await {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        rest_after(&error).await;
                        continue;
                    }
                };
                let connection = connection(&protocol, &graceful, stream, self.app.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
        };
        tokio::select! {
            () = accepting => {}
            () = stop => {}
        }
        drop(self.listener);
        let finished = async {
            graceful.shutdown().await;
            self.app.idle().await;
        };
        if tokio::time::timeout(Self::GRACE, finished).await.is_err() {
            tracing::warn!("requests did not finish in time, and were ended");
        }
    }
}

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut protocol = auto::Builder::new(TokioExecutor::new());
    protocol
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HttpServer::HEAD_TIMEOUT)
        .pipeline_flush(true);
    protocol
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HttpServer::HEAD_TIMEOUT)
        .max_concurrent_streams(HttpServer::MAX_STREAMS);
    protocol
}

fn connection(
    protocol: &auto::Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    stream: TcpStream,
    app: HttpApp,
) -> impl Future<Output = ()> + Send + 'static {
    // A response leaves in one write, so there is nothing to gain from waiting for more.
    drop(stream.set_nodelay(true));
    let stream = Patience::new(stream, HttpServer::HEAD_TIMEOUT);
    let service = service_fn(move |request| app.clone().respond(request));
    let connection = protocol
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let connection = graceful.watch(connection);
    async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection ended early: {error}");
        }
    }
}

/// Accepting fails for one connection, or for want of file descriptors, which others give back.
async fn rest_after(error: &io::Error) {
    let passing = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    );
    if !passing {
        tracing::warn!("cannot accept a connection: {error}");
        let soon = tokio::time::Instant::now() + Duration::from_millis(100);
        tokio::time::sleep_until(soon).await;
    }
}
