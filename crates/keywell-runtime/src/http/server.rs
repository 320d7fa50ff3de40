use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

use super::route::HttpRoute;
use super::serving::serve;
use super::site::{Entry, Site};
use super::tls::HttpTls;
use crate::Error;
use crate::seldom::Seldom;

/// Listens for HTTP/1.1 and HTTP/2: in clear text by prior knowledge, encrypted by ALPN.
///
/// Several servers may share an address, each with a route of its own. One of them accepts
/// connections for all, and whatever connection a request comes on, the routes decide which
/// application answers it.
///
/// Its connections are among those that [`Options::connections`](crate::Options::connections) allows
/// all servers of a runtime.
pub struct HttpServer {
    listener: Arc<TcpListener>,
    route: HttpRoute,
    tls: Option<HttpTls>,
    entry: Entry,
}

/// A server that runs elsewhere. Cloning it gives another handle; the server stops listening though
/// there are some.
#[derive(Clone)]
pub struct HttpEndpoint {
    listener: Weak<TcpListener>,
    site: Arc<Site>,
    number: u64,
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

    /// Listens on an address; port 0 takes a free one. An application by itself answers every
    /// request.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`].
    #[expect(
        clippy::unused_async,
        reason = "it is called within a runtime, which the listener needs"
    )]
    pub async fn bind(addr: SocketAddr, route: impl Into<HttpRoute>) -> Result<Self, Error> {
        let listen = |source| Error::Listen { addr, source };
        let listener = Self::listen(addr).map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let route = route.into();
        let site = Site::new(addr, route.app().connections().clone());
        Ok(Self {
            listener: Arc::new(listener),
            route,
            tls: None,
            entry: site.entry(),
        })
    }

    /// The same, encrypted, where there is something to encrypt with.
    #[must_use]
    pub fn encrypted(self, tls: Option<HttpTls>) -> Self {
        Self { tls, ..self }
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
        self.entry.site().addr()
    }

    /// A handle for while it serves.
    pub fn endpoint(&self) -> HttpEndpoint {
        HttpEndpoint {
            listener: Arc::downgrade(&self.listener),
            site: self.entry.site().clone(),
            number: self.entry.number(),
        }
    }

    /// Lets its application answer requests by its route, where servers of the address serve
    /// already. Of equal routes, the one that was opened last answers. Serving does it, too.
    pub fn open(&self) {
        self.entry.open(&self.route, self.tls.as_ref());
    }

    /// Serves until `stop` is ready; then accepts no new work, and returns when running requests are
    /// finished, or after 30 seconds. While other servers of the address serve, only the requests of
    /// its own application are waited for.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        self.open();
        let Self {
            listener,
            route,
            tls: _,
            entry,
        } = self;
        let site = entry.site();
        let accepting = async {
            let _turn = site.accepting().await;
            accept(&listener, site).await;
        };
        tokio::select! {
            () = accepting => {}
            () = stop => {}
        }
        let (app, ended) = (route.app().downgrade(), route.app().ended());
        drop(route);
        let is_last = Arc::into_inner(listener).is_some();
        if is_last {
            site.connections().close(site.server());
        }
        let finished = async {
            site.connections().closed(site.server()).await;
            app.idle().await;
        };
        let finished = async {
            tokio::select! {
                () = finished => {}
                // Where it was withdrawn, and connections stay open for others.
                () = ended => {}
            }
        };
        if tokio::time::timeout(Self::GRACE, finished).await.is_err() {
            let what = if is_last {
                "and were ended"
            } else {
                "though another component answers by now"
            };
            tracing::warn!("requests did not finish in time, {what}");
        }
    }
}

// === impl HttpEndpoint ===

impl HttpEndpoint {
    /// The address that the server listens on.
    pub fn addr(&self) -> SocketAddr {
        self.site.addr()
    }

    /// Another server at the same address, with a route of its own. `None` where no server of the
    /// address listens any more.
    pub fn share(&self, route: impl Into<HttpRoute>) -> Option<HttpServer> {
        Some(HttpServer {
            listener: self.listener.upgrade()?,
            route: route.into(),
            tls: None,
            entry: self.site.entry(),
        })
    }

    /// Encrypts the connections of the address that are opened from now on.
    pub fn encrypt_with(&self, tls: HttpTls) {
        self.site.encrypt_with(tls);
    }

    /// Withdraws the server's route: its application answers the requests that have come, and no
    /// more.
    pub fn withdraw(&self) {
        self.site.remove(self.number);
    }
}

/// Accepts connections for ever.
async fn accept(listener: &TcpListener, site: &Arc<Site>) {
    let mut failures = Seldom::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // It is closed where there is no room.
                if let Some(admitted) = site.connections().admit(site.server()) {
                    let site = site.clone();
                    tokio::spawn(async move {
                        serve(admitted.connection(), stream, &site).await;
                    });
                }
            }
            Err(error) => rest_after(&error, &mut failures).await,
        }
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
