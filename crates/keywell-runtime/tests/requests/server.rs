use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// An HTTP server that notes what it is asked. A path that begins with `/held` is not answered before
/// it is [released](Self::release); `/bytes/N` has so many bytes.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    seen: Arc<Seen>,
    _serving: JoinSet<()>,
}

struct Seen {
    /// The idempotency keys of the requests, by path.
    keys: Mutex<BTreeMap<String, Vec<String>>>,
    released: watch::Sender<BTreeSet<String>>,
    asked: watch::Sender<usize>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Seen {
            keys: Mutex::default(),
            released: watch::Sender::default(),
            asked: watch::Sender::default(),
        });
        let mut serving = JoinSet::new();
        let noting = seen.clone();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let seen = noting.clone();
                let service = service_fn(move |request| answer(seen.clone(), request));
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move { drop(served.await) });
            }
        });
        Self {
            addr,
            seen,
            _serving: serving,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Answers what was asked of a path, and what will be.
    pub(crate) fn release(&self, path: &str) {
        self.seen.released.send_modify(|released| {
            released.insert(path.to_owned());
        });
    }

    /// Waits until so many requests have come.
    pub(crate) async fn wait(&self, requests: usize) {
        let mut asked = self.seen.asked.subscribe();
        asked.wait_for(|asked| *asked >= requests).await.unwrap();
    }

    /// The keys with which a path was asked.
    pub(crate) fn keys(&self, path: &str) -> Vec<String> {
        let keys = self.seen.keys.lock();
        keys.get(path).cloned().unwrap_or_default()
    }

    /// How many requests have come.
    pub(crate) fn count(&self) -> usize {
        *self.seen.asked.borrow()
    }
}

async fn answer(
    seen: Arc<Seen>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes().len();
    let path = head.uri.path().to_owned();
    let key = head.headers.get("idempotency-key").unwrap();
    let key = key.to_str().unwrap().to_owned();
    seen.keys.lock().entry(path.clone()).or_default().push(key);
    seen.asked.send_modify(|asked| *asked += 1);
    if path.starts_with("/held") {
        let mut released = seen.released.subscribe();
        let released = released.wait_for(|released| released.contains(&path));
        released.await.unwrap();
    }
    let text = match path.strip_prefix("/bytes/") {
        Some(length) => vec![b'x'; length.parse().unwrap()],
        None => format!("{} {path} {bytes}", head.method).into_bytes(),
    };
    Ok(Response::new(Full::new(text.into())))
}
