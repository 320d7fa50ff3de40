use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use keywell_folder::Folder;
use keywell_store::Failure;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::call::MOST_BYTES;
use crate::socket;

/// The way to another process: a connection for each request.
#[derive(Clone)]
pub(crate) struct Link {
    folder: Arc<Folder>,
    name: Arc<str>,
}

/// Why a process did not answer.
pub(crate) enum Fault {
    /// It did not get the request, or refused it: nothing happened.
    Unsent(Failure),
    /// It may have got the request, and did not answer.
    Unanswered(Failure),
}

/// An answer that comes.
pub(crate) struct Reply {
    body: Incoming,
    /// What was read behind the last line.
    rest: BytesMut,
    /// Of the one task that moves the bytes.
    _connection: JoinSet<()>,
}

/// How long a process may take to begin an answer, or to end one.
const PATIENCE: Duration = Duration::from_mins(1);

// === impl Link ===

impl Link {
    pub(crate) fn new(folder: Folder, name: &str) -> Self {
        Self {
            folder: Arc::new(folder),
            name: name.into(),
        }
    }

    /// Whether a process listens there.
    pub(crate) async fn try_connect(&self) -> std::io::Result<()> {
        socket::connect(&self.folder, &self.name).await.map(drop)
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Reply, Fault> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "keywell")
            .body(Full::<Bytes>::from(body));
        let request = request.map_err(|error| unsent("making the request", error))?;
        let stream = socket::connect(&self.folder, &self.name).await;
        let stream = stream.map_err(|error| unsent("connecting", error))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| unsent("connecting", error))?;
        let mut task = JoinSet::new();
        // What goes wrong with it is the answer to the request, too.
        task.spawn(async move { drop(connection.await) });
        let response = timeout(PATIENCE, sender.send_request(request)).await;
        let response = response.map_err(|_| Fault::late())?;
        let response = response.map_err(|error| {
            if error.is_canceled() {
                unsent("sending the request", error)
            } else {
                unanswered(error)
            }
        })?;
        let status = response.status();
        let reply = Reply {
            body: response.into_body(),
            rest: BytesMut::new(),
            _connection: task,
        };
        if status == StatusCode::OK {
            return Ok(reply);
        }
        let refusal = reply.whole().await.unwrap_or_default();
        let refusal = String::from_utf8_lossy(&refusal);
        let what = format!("the process that has it refuses: {}", refusal.trim_end());
        Err(Fault::Unsent(Failure::new(what)))
    }
}

// === impl Reply ===

impl Reply {
    /// All of it.
    pub(crate) async fn whole(self) -> Result<Bytes, Fault> {
        let body = timeout(PATIENCE, Limited::new(self.body, MOST_BYTES).collect()).await;
        let body = body.map_err(|_| Fault::late())?;
        let body = body.map_err(|error| {
            let what = format!("the answer was cut off: {error}");
            Fault::Unanswered(Failure::new(what))
        })?;
        Ok(body.to_bytes())
    }

    /// The next line, once it comes.
    pub(crate) async fn line(&mut self) -> Result<Bytes, Fault> {
        let mut searched = 0;
        loop {
            let end = self.rest[searched..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                return Ok(self.rest.split_to(searched + end + 1).freeze());
            }
            searched = self.rest.len();
            if searched > MOST_BYTES {
                let what = Failure::new("a line is too long");
                return Err(Fault::Unanswered(what));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.rest.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => return Err(unanswered(error)),
                // An answer that is no stream has no end of a line.
                None if searched > 0 => return Ok(self.rest.split().freeze()),
                None => {
                    let what = "the process that had the store closed it";
                    return Err(Fault::Unanswered(what.into()));
                }
            }
        }
    }
}

// === impl Fault ===

impl Fault {
    fn late() -> Self {
        let what = format!("no answer in {} seconds", PATIENCE.as_secs());
        Self::Unanswered(Failure::new(what))
    }
}

fn unsent(what: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::Unsent(Failure::caused_by(what, error))
}

fn unanswered(error: hyper::Error) -> Fault {
    let what = "the process that has it did not answer";
    Fault::Unanswered(Failure::caused_by(what, error))
}
