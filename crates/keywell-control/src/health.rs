//! `GET /healthz` and `GET /readyz`.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::exchange::{self, Body, text};
use crate::report::Process;

/// Answers whether a process runs (`/healthz`) and whether all of it works (`/readyz`), until it is
/// dropped.
pub struct Health {
    addrs: Vec<SocketAddr>,
    /// A task for each address, which owns its connections.
    accepting: JoinSet<()>,
}

struct Service {
    process: Arc<dyn Process>,
    /// What was not ready, and when that was asked.
    asked: Mutex<Option<(Instant, Vec<String>)>>,
}

/// How many connections an address has at once. The oldest makes room for another.
const CONNECTIONS: usize = 64;
/// How long a connection may take.
const TIME: Duration = Duration::from_secs(10);
/// For how long an answer of the stores stands for later questions: each costs a disk a write.
const STANDS: Duration = Duration::from_millis(500);

// === impl Health ===

impl Health {
    /// Listens on an address, or on all addresses of a name that this machine has.
    ///
    /// # Errors
    ///
    /// The name is not known, or an address is in use.
    pub async fn bind(host: &str, port: u16, process: Arc<dyn Process>) -> io::Result<Self> {
        let service = Arc::new(Service {
            process,
            asked: Mutex::default(),
        });
        let mut health = Self {
            addrs: Vec::new(),
            accepting: JoinSet::new(),
        };
        let mut absent = io::ErrorKind::AddrNotAvailable.into();
        for mut address in tokio::net::lookup_host((host, port)).await? {
            if let Some(first) = health.addrs.first() {
                address.set_port(first.port());
            }
            match TcpListener::bind(address).await {
                Ok(listener) => {
                    health.addrs.push(listener.local_addr()?);
                    health.accepting.spawn(accept(listener, service.clone()));
                }
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => absent = error,
                Err(error) => return Err(error),
            }
        }
        if health.addrs.is_empty() {
            return Err(absent);
        }
        Ok(health)
    }

    /// Where it listens.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }
}

async fn accept(listener: TcpListener, service: Arc<Service>) {
    let mut connections = JoinSet::new();
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // For lack of file descriptors, say, which others free.
            let rested = tokio::time::Instant::now() + Duration::from_millis(100);
            tokio::time::sleep_until(rested).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        open.retain(|connection| !connection.is_finished());
        if open.len() >= CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let service = service.clone();
        open.push_back(connections.spawn(async move {
            let serving = exchange::serve(stream, async |request| service.answer(request).await);
            drop(timeout(TIME, serving).await);
        }));
    }
}

// === impl Service ===

impl Service {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        if !matches!(path, "/healthz" | "/readyz") {
            return text(StatusCode::NOT_FOUND, "there is /healthz and /readyz");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "it answers GET");
        }
        if path == "/healthz" {
            return text(StatusCode::OK, "running");
        }
        let unready = self.unready().await;
        if unready.is_empty() {
            text(StatusCode::OK, "ready")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, &unready.join("\n"))
        }
    }

    /// One asks at a time, and the others wait for what it learns.
    async fn unready(&self) -> Vec<String> {
        let mut asked = self.asked.lock().await;
        if let Some((at, unready)) = &*asked
            && at.elapsed() < STANDS
        {
            return unready.clone();
        }
        let unready = self.process.unready().await;
        *asked = Some((Instant::now(), unready.clone()));
        unready
    }
}
