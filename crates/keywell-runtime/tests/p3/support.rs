use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use keywell_memory::MemoryStore;
use keywell_runtime::{HttpOptions, HttpServer, Options, Runtime};
use keywell_store::Store;
use keywell_wasi::Grants;
use tokio::sync::oneshot;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A component that is served, until this is dropped.
pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    pub(crate) store: Arc<dyn Store>,
    _stop: oneshot::Sender<()>,
}

/// What a client was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) trailers: Option<HeaderMap>,
}

/// A guest's file.
pub(crate) fn guest(name: &str) -> PathBuf {
    let guests = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../guests/target/wasm32-wasip2/release"
    );
    let path = PathBuf::from(guests).join(name.replace('-', "_") + ".wasm");
    assert!(
        path.exists(),
        "{} is not built; `cargo xtask guests` builds it",
        path.display()
    );
    path
}

pub(crate) fn options() -> Options {
    Options {
        instances: 16,
        ..Options::default()
    }
}

/// Serves a guest with a store of its own.
pub(crate) async fn serve(name: &str, options: &Options, http: &HttpOptions) -> Served {
    serve_over(Arc::new(MemoryStore::default()), name, options, http).await
}

/// Serves a guest with a store.
pub(crate) async fn serve_over(
    store: Arc<dyn Store>,
    name: &str,
    options: &Options,
    http: &HttpOptions,
) -> Served {
    let runtime = Runtime::new(options).unwrap();
    let component = runtime.load(&guest(name)).unwrap();
    let grants = Arc::new(Grants::everything_in(store.clone()));
    let app = runtime.http(&component, grants, http).unwrap();
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap(), app).await;
    let server = server.unwrap();
    let addr = server.addr();
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(async move {
        server.serve(async { drop(stopped.await) }).await;
        drop(runtime);
    });
    Served {
        addr,
        store,
        _stop: stop,
    }
}

// === impl Served ===

impl Served {
    /// Asks for a path.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(path, Bytes::new(), false).await.unwrap()
    }

    /// Sends a body to a path, by HTTP/2 if that is wanted. An error where the answer breaks off.
    pub(crate) async fn send(
        &self,
        path: &str,
        body: Bytes,
        is_http2: bool,
    ) -> Result<Answer, String> {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new())
            .http2_only(is_http2)
            .build_http();
        let request = Request::post(format!("http://{}{path}", self.addr));
        let request = request.body(Full::new(body)).unwrap();
        let answering = async {
            let response = client.request(request).await;
            let response = response.map_err(|error| format!("no response: {error:?}"))?;
            let (head, body) = response.into_parts();
            let body = body.collect().await;
            let body = body.map_err(|error| format!("it breaks off: {error:?}"))?;
            let trailers = body.trailers().cloned();
            let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                text,
                trailers,
            })
        };
        let answered = tokio::time::timeout(PATIENCE, answering).await;
        answered.unwrap_or_else(|_| Err("nothing comes".to_owned()))
    }
}
