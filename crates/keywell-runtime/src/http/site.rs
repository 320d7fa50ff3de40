use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Request, Response};
use parking_lot::RwLock;
use tokio::sync::{Mutex, MutexGuard};

use super::app::HttpApp;
use super::body::Content;
use super::connections::Connections;
use super::cors::Cors;
use super::refusal::Refusal;
use super::route::{HttpRoute, Routes};
use super::tls::HttpTls;

/// What the servers of a socket share: which application answers which request, and how connections
/// are encrypted.
pub(super) struct Site {
    addr: SocketAddr,
    routes: RwLock<Routes>,
    numbers: AtomicU64,
    tls: RwLock<Option<HttpTls>>,
    /// Held by the one that accepts connections for all.
    accepting: Mutex<()>,
    connections: Arc<Connections>,
    /// Its number among those that share the connections.
    server: u64,
}

/// The place of a route at a site, which it leaves when this is dropped.
pub(super) struct Entry {
    site: Arc<Site>,
    number: u64,
}

// === impl Site ===

impl Site {
    pub(super) fn new(addr: SocketAddr, connections: Arc<Connections>) -> Arc<Self> {
        Arc::new(Self {
            addr,
            routes: RwLock::default(),
            numbers: AtomicU64::new(0),
            tls: RwLock::default(),
            accepting: Mutex::default(),
            server: connections.server(),
            connections,
        })
    }

    /// The address that is listened on.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    pub(super) fn server(&self) -> u64 {
        self.server
    }

    /// The application for a request, or the response where there is none. It is to be kept for no
    /// longer than that.
    pub(super) fn app<B>(&self, request: &Request<B>) -> Result<HttpApp, Box<Response<Content>>> {
        let routes = self.routes.read();
        let found = routes.find(request);
        found.map_err(|refusal| {
            let cors = routes.cors();
            drop(routes);
            Box::new(refuse(refusal, request, cors.as_ref()))
        })
    }

    /// What connections are encrypted with that are opened now.
    pub(super) fn tls(&self) -> Option<HttpTls> {
        self.tls.read().clone()
    }

    pub(super) fn encrypt_with(&self, tls: HttpTls) {
        *self.tls.write() = Some(tls);
    }

    /// Waits for the turn to accept connections.
    pub(super) async fn accepting(&self) -> MutexGuard<'_, ()> {
        self.accepting.lock().await
    }

    /// The place for another route.
    pub(super) fn entry(self: &Arc<Self>) -> Entry {
        Entry {
            site: self.clone(),
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Removes a route, if it is there.
    pub(super) fn remove(&self, number: u64) {
        let removed = self.routes.write().remove(number);
        // Not under the lock, as its instances end with it.
        drop(removed);
    }
}

/// The response to a request that no route answers. What CORS allows by all routes, it does here,
/// so that a page can read it.
fn refuse<B>(refusal: Refusal, request: &Request<B>, cors: Option<&Cors>) -> Response<Content> {
    let version = request.version();
    let Some(cors) = cors else {
        return refusal.response(version);
    };
    let preflight = cors.preflight(request);
    let mut response = preflight.unwrap_or_else(|| refusal.response(version));
    cors.write(cors.asking(request), response.headers_mut());
    response
}

// === impl Entry ===

impl Entry {
    pub(super) fn site(&self) -> &Arc<Site> {
        &self.site
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Lets its route answer requests, unless it does, and encrypts the connections that are opened
    /// from now on.
    pub(super) fn open(&self, route: &HttpRoute, tls: Option<&HttpTls>) {
        let mut routes = self.site.routes.write();
        if !routes.has(self.number) {
            *self.site.tls.write() = tls.cloned();
            routes.add(self.number, route.clone());
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.site.remove(self.number);
    }
}
