//! The socket that a process answers at.
//!
//! It speaks HTTP/1.1, a request a connection: its bounds and its framing need no code of our own,
//! and `curl --unix-socket` reads the status. A connection is a task, so a slow store or a client
//! that does not read holds up no other client.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use keywell_folder::Folder;
use keywell_store::{Store, Watch};
use keywell_system::process::user;
use keywell_system::socket::{Listener, Stream as Connection, peer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::call::{Call, MOST_BYTES, STATUS, STORE, Started, Step};
use crate::exchange::{self, Body, text};
use crate::forward::{Forwarded, forward, json};
use crate::report::Process;
use crate::user::may_ask;

/// A socket in a folder, at which this process answers others of its user until it is dropped: what
/// it runs, and calls of a store.
pub struct Server {
    folder: Folder,
    name: String,
    /// Of this one task, which owns all connections.
    _accepting: JoinSet<()>,
}

/// What answers.
struct Service {
    process: Arc<dyn Process>,
    store: Option<Weak<dyn Store>>,
    /// How many connections may be watches.
    watches: Arc<Semaphore>,
    /// How many KiB of requests may be held at once.
    kib: Arc<Semaphore>,
}

/// How many connections are open at once; more wait.
const CONNECTIONS: usize = 64;
/// How many of them may be watches, so that some are left for calls.
const WATCHES: usize = 32;
/// How many KiB of requests are held at once; more wait.
const KIB: u32 = 256 << 10;
/// How long a connection that is no watch and no maintenance may take.
const TIME: Duration = Duration::from_mins(2);
/// How often a watch without events says how far it has come.
const PROGRESS: Duration = Duration::from_secs(1);

// === impl Server ===

impl Server {
    /// The name of the socket in the folder of a store.
    pub(crate) const STORE: &str = "control.sock";

    /// Answers in the folder of a store that no other process can have open, also its calls. To be
    /// dropped before the store is closed.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn in_store(
        folder: Folder,
        process: Arc<dyn Process>,
        store: &Arc<dyn Store>,
    ) -> io::Result<Self> {
        Self::bind(folder, Self::STORE, process, Some(Arc::downgrade(store)))
    }

    /// Answers in a folder where processes are found.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn among_processes(folder: Folder, process: Arc<dyn Process>) -> io::Result<Self> {
        // Processes of two containers may have one id.
        let name = format!("{}-{:08x}.sock", std::process::id(), rand::random::<u32>());
        Self::bind(folder, &name, process, None)
    }

    fn bind(
        folder: Folder,
        name: &str,
        process: Arc<dyn Process>,
        store: Option<Weak<dyn Store>>,
    ) -> io::Result<Self> {
        let listener = Listener::bind(folder.directory(), name)?;
        let service = Arc::new(Service {
            process,
            store,
            watches: Arc::new(Semaphore::new(WATCHES)),
            kib: Arc::new(Semaphore::new(KIB as usize)),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, service));
        Ok(Self {
            folder,
            name: name.to_owned(),
            _accepting: accepting,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Left behind, it would be replaced.
        drop(self.folder.remove(&self.name));
    }
}

async fn accept(mut listener: Listener, service: Arc<Service>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok(stream) => {
                let service = service.clone();
                connections.spawn(async move {
                    service.serve(stream).await;
                    drop(place);
                });
            }
            // For lack of file descriptors, say, which others free.
            Err(_) => sleep_until(Instant::now() + Duration::from_millis(100)).await,
        }
    }
}

// === impl Service ===

impl Service {
    async fn serve(&self, stream: Connection) {
        let is_allowed = peer(&stream).is_ok_and(|peer| may_ask(peer, user()));
        let is_long = AtomicBool::new(false);
        let serving = exchange::serve(stream, async |request| {
            if !is_allowed {
                let refusal = "this process belongs to another user";
                return text(StatusCode::FORBIDDEN, refusal);
            }
            self.answer(request, &is_long).await
        });
        let late = async {
            sleep_until(Instant::now() + TIME).await;
            if is_long.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = serving => {}
            () = late => {}
        }
    }

    async fn answer(&self, request: Request<Incoming>, is_long: &AtomicBool) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, STATUS) => match serde_json::to_vec(&self.process.report()) {
                Ok(report) => exchange::json(report.into()),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            },
            (&Method::POST, STORE) => self.call(request, is_long).await,
            (_, path) => {
                let version = env!("CARGO_PKG_VERSION");
                let problem = format!("Keywell {version} does not know {path}; use that version");
                text(StatusCode::NOT_FOUND, &problem)
            }
        }
    }

    async fn call(&self, request: Request<Incoming>, is_long: &AtomicBool) -> Response<Body> {
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let Some(length) = length else {
            return text(StatusCode::LENGTH_REQUIRED, "the request has no length");
        };
        if length > MOST_BYTES {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large");
        }
        let kib = u32::try_from(length >> 10).unwrap_or(KIB) + 1;
        let Ok(held) = self.kib.acquire_many(kib).await else {
            return text(StatusCode::SERVICE_UNAVAILABLE, "it is closed");
        };
        let body = Limited::new(request.into_body(), length).collect();
        let Ok(body) = body.await else {
            return text(StatusCode::BAD_REQUEST, "the request was cut off");
        };
        let body = body.to_bytes();
        let read = tokio::task::spawn_blocking(move || serde_json::from_slice::<Call>(&body));
        let Ok(Ok(call)) = read.await else {
            return text(StatusCode::BAD_REQUEST, "the request is no call of a store");
        };
        // A call may have to wait for its store, and the process may close that meanwhile.
        let Some(store) = self.store.as_ref().and_then(Weak::upgrade) else {
            return text(StatusCode::SERVICE_UNAVAILABLE, "the store is closed");
        };
        if let Call::Maintain(_) = call {
            is_long.store(true, Ordering::Relaxed);
        }
        let forwarded = forward(&*store, call).await;
        drop(held);
        match forwarded {
            Forwarded::Answer(answer) => exchange::json(answer),
            Forwarded::Watch(watch) => {
                let Ok(place) = self.watches.clone().try_acquire_owned() else {
                    let problem = format!("{WATCHES} watches are open; end one of them");
                    return text(StatusCode::SERVICE_UNAVAILABLE, &problem);
                };
                is_long.store(true, Ordering::Relaxed);
                follow(watch, place).await
            }
        }
    }
}

/// Sends events as lines, as fast as the client reads them, and how far the watch has come between
/// them.
async fn follow(watch: Watch, place: OwnedSemaphorePermit) -> Response<Body> {
    let started = Started {
        start: watch.start().cloned(),
        reached: watch.reached(),
    };
    let first = json(Ok(started)).await;
    let answers = stream::iter([first]).chain(steps(watch).map(Ok).then(json));
    let lines = answers.map(move |json| {
        // The place is free once the client has gone.
        let _place = &place;
        let line = Bytes::from([&json[..], b"\n"].concat());
        Ok(Frame::data(line))
    });
    Response::new(StreamBody::new(lines).boxed_unsync())
}

/// What a watch delivers, and how far it has come, once in a while.
fn steps(watch: Watch) -> impl Stream<Item = Step> + Send {
    let sent = (watch.reached(), watch.coalesced());
    stream::unfold((watch, sent), async |(mut watch, sent)| {
        loop {
            let event = timeout(PROGRESS, watch.next()).await;
            let now = (watch.reached(), watch.coalesced());
            let event = match event {
                Ok(event) => Some(event?),
                Err(_) if now != sent => None,
                Err(_) => continue,
            };
            let step = Step {
                event,
                reached: now.0.clone(),
                coalesced: now.1,
            };
            return Some((step, (watch, now)));
        }
    })
}
