use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

use super::HttpApp;
use super::answering::Answering;
use super::seldom::Seldom;
use super::serving::serve;
use crate::Error;

/// Listens for HTTP/1.1 and, by prior knowledge, HTTP/2 in clear text.
///
/// Its connections are among those that [`Options::connections`](crate::Options::connections) allows
/// all servers of a runtime.
pub struct HttpServer {
    listener: Arc<TcpListener>,
    addr: SocketAddr,
    answering: Answering,
}

/// A server that runs elsewhere, to change what answers its requests. Cloning it gives another
/// handle; the server stops listening though there are some.
#[derive(Clone)]
pub struct HttpEndpoint {
    listener: Weak<TcpListener>,
    addr: SocketAddr,
    answering: Answering,
}

// === impl HttpServer ===

impl HttpServer {
    /// How long requests may take to finish once the server stops.
    const GRACE: Duration = Duration::from_secs(30);
    /// How many clients may wait to be accepted.
    const BACKLOG: u32 = 1024;
    /// How much the system buffers of what a client does not read, in bytes. It needs the same again
    /// for its bookkeeping; without this limit it would buffer up to some megabytes per connection.
    const SEND_BUFFER: u32 = 128 << 10;

    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`].
    #[expect(
        clippy::unused_async,
        reason = "it is called within a runtime, which the listener needs"
    )]
    pub async fn bind(addr: SocketAddr, app: HttpApp) -> Result<Self, Error> {
        let listen = |source| Error::Listen { addr, source };
        let listener = Self::listen(addr).map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        Ok(Self {
            listener: Arc::new(listener),
            addr,
            answering: Answering::new(app),
        })
    }

    fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
        let socket = if addr.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        // As the standard library does, so that a server can start where one has just ended.
        if cfg!(unix) {
            socket.set_reuseaddr(true)?;
        }
        // The sockets of its connections have it from here.
        socket.set_send_buffer_size(Self::SEND_BUFFER)?;
        socket.bind(addr)?;
        socket.listen(Self::BACKLOG)
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A handle for while it serves.
    pub fn endpoint(&self) -> HttpEndpoint {
        HttpEndpoint {
            listener: Arc::downgrade(&self.listener),
            addr: self.addr,
            answering: self.answering.clone(),
        }
    }

    /// Serves until `stop` is ready; then accepts no new work, and returns when running requests are
    /// finished, or after 30 seconds.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let connections = self.answering.app().connections().clone();
        let server = connections.server();
        let accepting = async {
            let mut failures = Seldom::default();
            loop {
                match self.listener.accept().await {
                    Ok((stream, _)) => {
                        // It is closed where there is no room.
                        if let Some(admitted) = connections.admit(server) {
                            let (answering, addr) = (self.answering.clone(), self.addr);
                            tokio::spawn(async move {
                                serve(admitted.connection(), stream, addr, answering).await;
                            });
                        }
                    }
                    Err(error) => rest_after(&error, &mut failures).await,
                }
            }
        };
        tokio::select! {
            () = accepting => {}
            () = stop => {}
        }
        drop(self.listener);
        let finished = async {
            connections.close(server).await;
            self.answering.app().idle().await;
        };
        if tokio::time::timeout(Self::GRACE, finished).await.is_err() {
            tracing::warn!("requests did not finish in time, and were ended");
        }
    }
}

// === impl HttpEndpoint ===

impl HttpEndpoint {
    /// The address that the server listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Lets another application answer the requests that come from now on, also on connections that
    /// are open. The application before it answers those that have come.
    pub fn answer_with(&self, app: HttpApp) {
        self.answering.replace(app);
    }

    /// Another server at the same socket: while both serve, either accepts a connection. `None` where
    /// the server has stopped listening.
    pub fn share(&self, app: HttpApp) -> Option<HttpServer> {
        Some(HttpServer {
            listener: self.listener.upgrade()?,
            addr: self.addr,
            answering: Answering::new(app),
        })
    }
}

/// Accepting fails for one connection, or for lack of file descriptors, which others free.
async fn rest_after(error: &io::Error, failures: &mut Seldom) {
    let passing = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    );
    if !passing {
        let now = tokio::time::Instant::now();
        if let Some(count) = failures.happened(now) {
            tracing::warn!(count, "cannot accept a connection: {error}");
        }
        tokio::time::sleep_until(now + Duration::from_millis(100)).await;
    }
}
