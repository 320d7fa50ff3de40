//! The connection to the service, and what becomes of calls when it is lost.
//!
//! One connection serves all calls but those of listeners, which have one each: the service answers
//! at most 100 calls of a connection at the same time. A call that reads is sent again. A write is
//! sent once: it is sent again only if it certainly was not sent before.

use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use keywell_client::{Backoff, Deadline, TlsConnector};
use keywell_store::{Error, Failure, Result};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::document::time;
use crate::options::FirestoreOptions;
use crate::rpc::Call;
use crate::rpc::connection::{Connection, Login};
use crate::rpc::credentials::Credentials;
use crate::rpc::fault::Fault;
use crate::rpc::messages::{BatchGetDocumentsRequest, CommitRequest, CommitResponse, Write};

/// Where the service listens.
const PORT: u16 = 443;

/// The connection to a database.
pub(crate) struct Link {
    /// `projects/P/databases/D`
    pub(crate) database: String,
    pub(crate) clock: Clock,
    authority: Authority,
    tls: Option<TlsConnector>,
    login: Arc<Login>,
    timeout: Duration,
    /// The document whose reading shows whether the service answers.
    probed: String,
    current: Mutex<Option<Arc<Connection>>>,
    /// Held by the one who dials.
    dialling: tokio::sync::Mutex<()>,
    is_closed: watch::Sender<bool>,
}

// === impl Link ===

impl Link {
    /// Connects, and reads a document.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] for a login that the service refuses, else [`Error::Unavailable`].
    pub(crate) async fn open(options: &FirestoreOptions) -> Result<Self> {
        let endpoint = options.emulator.as_ref().unwrap_or(&options.endpoint);
        let authority = endpoint.parse::<Authority>().map_err(|_| {
            let what = format!("{endpoint:?} is no HOST or HOST:PORT");
            Error::Unavailable(what.into())
        })?;
        let (credentials, tls) = if options.emulator.is_some() {
            (Credentials::Emulator, None)
        } else {
            let credentials = Credentials::find(options.credentials.as_ref())?;
            (credentials, Some(connector(options).await?))
        };
        let database = options.name();
        let collection = &options.collection;
        let link = Self {
            probed: format!("{database}/documents/{collection}/{collection}"),
            database,
            clock: Clock::default(),
            authority,
            tls,
            login: Arc::new(Login::new(options, credentials)?),
            timeout: options.answer_timeout,
            current: Mutex::default(),
            dialling: tokio::sync::Mutex::default(),
            is_closed: watch::Sender::new(false),
        };
        link.probe().await?;
        Ok(link)
    }

    /// The response to a request that can be sent again.
    pub(crate) async fn read<C: Call>(&self, request: C) -> Result<C::Response> {
        let read = self.repeat(|connection| {
            let request = request.clone();
            async move { connection.unary(request).await }
        });
        read.await.map_err(Fault::of_reading)
    }

    /// What `take` makes of the responses to a request that can be sent again, until it says
    /// `false`. It starts from the beginning when the request is sent again.
    pub(crate) async fn gather<C: Call, T: Default>(
        &self,
        request: C,
        take: impl Fn(&mut T, C::Response) -> Result<bool>,
    ) -> Result<T, Fault> {
        let take = &take;
        self.repeat(|connection| {
            let request = request.clone();
            async move {
                let mut responses = connection.stream(request).await?;
                let mut taken = T::default();
                while let Some(response) = responses.message().await? {
                    if !take(&mut taken, response).map_err(Fault::Refused)? {
                        break;
                    }
                }
                Ok(taken)
            }
        })
        .await
    }

    /// Does something that has no effect, until it succeeds or there is no time left.
    async fn repeat<T, F>(&self, act: impl Fn(Arc<Connection>) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let deadline = self.deadline();
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(500));
        loop {
            let fault = match self.attempt(deadline, &act).await {
                Err(fault @ (Fault::Unsent(_) | Fault::Unanswered(_))) => fault,
                ended => return ended,
            };
            self.pause(fault, deadline, &mut backoff).await?;
        }
    }

    /// Writes, all or nothing; `None` if a precondition does not hold, or if others write the same
    /// documents. Then nothing is written.
    pub(crate) async fn commit(
        &self,
        writes: Vec<Write>,
        transaction: bytes::Bytes,
    ) -> Result<Option<CommitResponse>> {
        let request = CommitRequest {
            database: self.database.clone(),
            writes,
            transaction,
        };
        let deadline = self.deadline();
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(500));
        loop {
            let attempt = self.attempt(deadline, |connection| {
                let request = request.clone();
                async move { connection.unary(request).await }
            });
            let fault = match attempt.await {
                Ok(committed) => {
                    if let Some(commit_time) = &committed.commit_time {
                        self.clock.saw(time(commit_time));
                    }
                    return Ok(Some(committed));
                }
                Err(Fault::Stale(failure) | Fault::Contended(failure)) => {
                    tracing::debug!("nothing is written: {failure}");
                    return Ok(None);
                }
                Err(fault @ Fault::Unsent(_)) => fault,
                Err(fault) => return Err(fault.of_writing()),
            };
            let paused = self.pause(fault, deadline, &mut backoff).await;
            paused.map_err(Fault::of_writing)?;
        }
    }

    /// Does something once, and drops the connection if it fails.
    async fn attempt<T, F>(
        &self,
        deadline: Deadline,
        act: impl FnOnce(Arc<Connection>) -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let connected = deadline.bound(self.connected()).await;
        let connection = connected.unwrap_or_else(|_| {
            let what = "Firestore cannot be reached in time";
            Err(Fault::Unsent(what.into()))
        })?;
        let acted = deadline.bound(act(connection.clone())).await;
        let acted = acted.unwrap_or_else(|_| {
            let what = "Firestore does not answer in time";
            Err(Fault::Unanswered(what.into()))
        });
        acted.inspect_err(|fault| {
            if matches!(fault, Fault::Unsent(_) | Fault::Unanswered(_)) {
                self.lose(&connection);
            }
        })
    }

    /// Waits before another attempt.
    ///
    /// # Errors
    ///
    /// The fault of the last one, when there is no time for another, or no store.
    async fn pause(
        &self,
        fault: Fault,
        deadline: Deadline,
        backoff: &mut Backoff,
    ) -> Result<(), Fault> {
        let is_over = self.is_closed() || deadline.bound(backoff.pause()).await.is_err();
        if is_over { Err(fault) } else { Ok(()) }
    }

    /// The connection that there is, or a new one.
    async fn connected(&self) -> Result<Arc<Connection>, Fault> {
        if self.is_closed() {
            let closed = Error::Unavailable("the store is closed".into());
            return Err(Fault::Refused(closed));
        }
        if let Some(connection) = self.current.lock().clone() {
            return Ok(connection);
        }
        let _turn = self.dialling.lock().await;
        if let Some(connection) = self.current.lock().clone() {
            return Ok(connection);
        }
        let connection = Arc::new(Box::pin(self.dial()).await?);
        *self.current.lock() = Some(connection.clone());
        Ok(connection)
    }

    /// A new connection, within the time for an answer.
    pub(crate) async fn dial(&self) -> Result<Connection, Fault> {
        let (authority, login) = (self.authority.clone(), self.login.clone());
        let opening = Connection::open(authority, PORT, self.tls.as_ref(), login);
        let opened = self.deadline().bound(opening).await;
        opened.unwrap_or_else(|_| {
            let what = format!("Firestore does not answer in time at {}", self.authority);
            Err(Fault::Unsent(what.into()))
        })
    }

    /// Drops a connection that failed, unless there is another one already.
    fn lose(&self, lost: &Arc<Connection>) {
        let mut current = self.current.lock();
        if current.as_ref().is_some_and(|it| Arc::ptr_eq(it, lost)) {
            *current = None;
        }
    }

    /// Whether the service answers.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] also where there is no such database.
    pub(crate) async fn probe(&self) -> Result<()> {
        let request = BatchGetDocumentsRequest {
            database: self.database.clone(),
            documents: vec![self.probed.clone()],
            ..BatchGetDocumentsRequest::default()
        };
        let read = self.gather(request, |(), response| {
            if let Some(read_time) = &response.read_time {
                self.clock.saw(time(read_time));
            }
            Ok(true)
        });
        read.await.map_err(Fault::of_reading)
    }

    pub(crate) fn close(&self) {
        self.is_closed.send_replace(true);
        *self.current.lock() = None;
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.is_closed.borrow()
    }

    /// Waits until it is closed.
    pub(crate) async fn closed(&self) {
        let mut is_closed = self.is_closed.subscribe();
        // It ends with an error only with the link itself.
        let _ = is_closed.wait_for(|is_closed| *is_closed).await;
    }

    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout)
    }
}

async fn connector(options: &FirestoreOptions) -> Result<TlsConnector> {
    let tls = options.tls.clone();
    let made = tokio::task::spawn_blocking(move || tls.connector_for("h2")).await;
    let failed = "TLS cannot be set up";
    let made = made.map_err(|error| Error::Internal(Failure::caused_by(failed, error)))?;
    made.map_err(|error| Error::Unavailable(Failure::caused_by(failed, error)))
}
