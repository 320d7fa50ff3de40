use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use azure_core::http::headers::{HeaderName, HeaderValue};
use azure_core::http::{AsyncRawResponse, Method, Url};
use azure_data_cosmos_driver::in_memory_emulator::{
    ConsistencyLevel, InMemoryEmulatorHttpClient, VirtualAccountConfig, VirtualRegion,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use crate::chosen;
use crate::error::{Error, Result};
use crate::port::Port;

/// An emulator of Azure Cosmos DB: the one in memory of the driver `azure_data_cosmos_driver`, behind
/// HTTP on the loopback device. It keeps its data until this is dropped, also while it is down.
///
/// It checks no key and no signature, and deletes nothing at the end of a time to live. What else it
/// answers, a test says: [`answer_next`](Self::answer_next), [`lose_next`](Self::lose_next).
pub struct Cosmos {
    port: Port,
    shared: Arc<Shared>,
    serving: Mutex<Option<Serving>>,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub struct CosmosRequest {
    /// `POST`
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// An answer that a test prepared, in place of the emulator's.
#[derive(Clone, Copy, Debug)]
pub struct CosmosAnswer {
    /// The status of HTTP.
    pub status: u16,
    /// `x-ms-substatus`; 0 sends none.
    pub substatus: u32,
    /// `x-ms-retry-after-ms`
    pub retry_after_ms: Option<u64>,
}

struct Shared {
    emulator: InMemoryEmulatorHttpClient,
    base: Url,
    requests: Mutex<Vec<CosmosRequest>>,
    /// Answers to the next requests for documents.
    prepared: Mutex<VecDeque<CosmosAnswer>>,
    /// How many of the next writes of documents are done and not answered.
    lost: AtomicUsize,
    frozen: watch::Sender<bool>,
}

/// The thread that serves; it ends when this is dropped.
struct Serving {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Cosmos ===

impl Cosmos {
    /// Starts one whose account has session consistency, as accounts have unless set otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot listen.
    pub fn start() -> Result<Self> {
        Self::start_with(ConsistencyLevel::Session)
    }

    /// The same, with strong consistency.
    ///
    /// # Errors
    ///
    /// As [`Cosmos::start`].
    pub fn start_strong() -> Result<Self> {
        Self::start_with(ConsistencyLevel::Strong)
    }

    fn start_with(consistency: ConsistencyLevel) -> Result<Self> {
        chosen::require("cosmos")?;
        let port = Port::claim()?;
        let base = Url::parse(&format!("http://{}", port.address()));
        let base = base.map_err(|error| Error::Protocol(error.to_string()))?;
        let region = VirtualRegion::new("West Europe", base.clone());
        let account = VirtualAccountConfig::new(vec![region]);
        let account = account.map_err(|error| Error::Protocol(error.to_string()))?;
        let account = account.with_consistency(consistency);
        let cosmos = Self {
            port,
            shared: Arc::new(Shared {
                emulator: InMemoryEmulatorHttpClient::new(account),
                base,
                requests: Mutex::default(),
                prepared: Mutex::default(),
                lost: AtomicUsize::new(0),
                frozen: watch::Sender::new(false),
            }),
            serving: Mutex::default(),
        };
        cosmos.restart()?;
        Ok(cosmos)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// Ends it with its connections, as a service that cannot be reached. Its data stays.
    pub fn kill(&self) {
        drop(self.serving.lock().take());
    }

    /// Starts one that was killed, at the same address and with the data it had.
    ///
    /// # Errors
    ///
    /// As [`Cosmos::start`].
    pub fn restart(&self) -> Result<()> {
        let listener = TcpListener::bind(self.addr())?;
        listener.set_nonblocking(true)?;
        let shared = self.shared.clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || serve(listener, &shared, stopped));
        *self.serving.lock() = Some(Serving {
            stop: Some(stop),
            thread: Some(thread),
        });
        Ok(())
    }

    /// Takes requests and answers none.
    pub fn freeze(&self) {
        self.shared.frozen.send_replace(true);
    }

    /// Answers again, also what came meanwhile.
    pub fn thaw(&self) {
        self.shared.frozen.send_replace(false);
    }

    /// Answers the next requests for documents so, and does not do them.
    pub fn answer_next(&self, answers: usize, answer: CosmosAnswer) {
        let mut prepared = self.shared.prepared.lock();
        prepared.extend(std::iter::repeat_n(answer, answers));
    }

    /// Answers as the emulator does again.
    pub fn answer_truly(&self) {
        self.shared.prepared.lock().clear();
    }

    /// Does the next writes of documents, and closes their connections instead of answering.
    pub fn lose_next(&self, writes: usize) {
        self.shared.lost.store(writes, Ordering::SeqCst);
    }

    /// The requests for documents until now.
    pub fn requests(&self) -> Vec<CosmosRequest> {
        self.shared.requests.lock().clone()
    }
}

// === impl CosmosRequest ===

impl CosmosRequest {
    /// The value of a header, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn is_of_documents(&self) -> bool {
        self.path.contains("/docs")
    }

    /// Queries are sent by `POST`, too, as `application/query+json`.
    fn is_write(&self) -> bool {
        let is_query = self.header("content-type") == Some("application/query+json");
        self.is_of_documents() && self.method != "GET" && !is_query
    }
}

// === impl Shared ===

impl Shared {
    /// The answer to a request; `None` closes the connection.
    async fn answer(&self, request: CosmosRequest) -> Option<Response<Full<Bytes>>> {
        let is_of_documents = request.is_of_documents();
        if is_of_documents {
            self.requests.lock().push(request.clone());
        }
        let mut frozen = self.frozen.subscribe();
        frozen.wait_for(|is_frozen| !is_frozen).await.ok()?;
        let prepared = is_of_documents.then(|| self.prepared.lock().pop_front());
        if let Some(answer) = prepared.flatten() {
            return answered(answer);
        }
        let is_lost = request.is_write() && {
            let one_less = |writes: usize| writes.checked_sub(1);
            let lost = &self.lost;
            lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                .is_ok()
        };
        let answer = self.emulated(&request).await?;
        (!is_lost).then_some(answer)
    }

    async fn emulated(&self, request: &CosmosRequest) -> Option<Response<Full<Bytes>>> {
        let method = match request.method.as_str() {
            "GET" => Method::Get,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "PATCH" => Method::Patch,
            _ => Method::Post,
        };
        let url = self.base.join(&request.path).ok()?;
        let mut passed = azure_core::http::Request::new(url, method);
        for (name, value) in &request.headers {
            let name = HeaderName::from(name.clone());
            passed
                .headers_mut()
                .insert(name, HeaderValue::from(value.clone()));
        }
        passed.set_body(request.body.to_vec());
        let answer = self.emulator.execute_request(&passed).await.ok()?;
        translated(answer).await
    }
}

async fn translated(answer: AsyncRawResponse) -> Option<Response<Full<Bytes>>> {
    let answer = answer.try_into_raw_response().await.ok()?;
    let mut response = Response::builder().status(u16::from(answer.status()));
    for (name, value) in answer.headers().iter() {
        response = response.header(name.as_str(), value.as_str());
    }
    let body: &[u8] = answer.body().as_ref();
    response.body(Bytes::copy_from_slice(body).into()).ok()
}

/// An answer as the service writes one.
fn answered(answer: CosmosAnswer) -> Option<Response<Full<Bytes>>> {
    let mut response = Response::builder().status(answer.status);
    if answer.substatus > 0 {
        response = response.header("x-ms-substatus", answer.substatus);
    }
    if let Some(wait) = answer.retry_after_ms {
        response = response.header("x-ms-retry-after-ms", wait);
    }
    let body = r#"{"code":"Prepared","message":"as the test wants it"}"#;
    response
        .header("content-type", "application/json")
        .body(Bytes::from_static(body.as_bytes()).into())
        .ok()
}

/// Serves until it is stopped. The connections end with the runtime.
fn serve(listener: TcpListener, shared: &Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
            return;
        };
        let accepting = async {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                drop(stream.set_nodelay(true));
                tokio::spawn(async move {
                    let service = service_fn(|request| handle(shared.clone(), request));
                    let connection = hyper::server::conn::http1::Builder::new();
                    // A connection that is broken is over.
                    drop(
                        connection
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        };
        tokio::select! {
            () = accepting => {}
            _ = stopped => {}
        }
    });
}

/// Why a connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
struct Closed;

async fn handle(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Closed> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let request = CosmosRequest {
        method: head.method.to_string(),
        path: path.to_owned(),
        headers: headers.collect(),
        body,
    };
    shared.answer(request).await.ok_or(Closed)
}

// === impl Serving ===

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl std::fmt::Debug for Cosmos {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cosmos")
            .field("addr", &self.addr())
            .finish_non_exhaustive()
    }
}
