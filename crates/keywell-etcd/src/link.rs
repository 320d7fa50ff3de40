//! The connection to one server of several, and what becomes of calls when it is lost.
//!
//! The servers of a cluster answer the same, so one connection serves all calls, and the next server
//! is dialled when it fails. A call that reads is sent again. A write is sent once: it is sent again
//! only if it certainly was not sent before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::uri::Authority;
use keywell_client::{Backoff, Deadline, TlsConnector, stagger};
use keywell_store::{Error, Failure, Result};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::options::EtcdOptions;
use crate::rpc::Call;
use crate::rpc::connection::Connection;
use crate::rpc::fault::Fault;
use crate::rpc::messages::RangeRequest;

/// How long one server may take to connect, where there are others.
const CONNECT: Duration = Duration::from_secs(2);

/// The connection to a cluster.
pub(crate) struct Link {
    options: EtcdOptions,
    endpoints: Vec<Authority>,
    tls: Option<TlsConnector>,
    /// The key that shows whether a server answers.
    probed: RangeRequest,
    current: Mutex<Option<Arc<Connection>>>,
    /// Held by the one who dials.
    dialling: tokio::sync::Mutex<()>,
    /// The endpoint that is dialled first.
    first: AtomicUsize,
    is_closed: watch::Sender<bool>,
}

/// Whether a call may be sent twice.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Reads,
    Writes,
}

// === impl Link ===

impl Link {
    /// Connects.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] where a server refuses the login, else [`Error::Unavailable`].
    pub(crate) async fn open(options: EtcdOptions, probed: RangeRequest) -> Result<Self> {
        let endpoints = options.endpoints.iter().map(|endpoint| {
            let refused = |_| {
                let what = format!("{endpoint:?} is no HOST or HOST:PORT");
                Error::Unavailable(what.into())
            };
            endpoint.parse::<Authority>().map_err(refused)
        });
        let endpoints = endpoints.collect::<Result<Vec<_>>>()?;
        let tls = match options.tls.clone() {
            None => None,
            Some(tls) => {
                let failed = |error| Failure::caused_by("TLS cannot be set up", error);
                let made = tokio::task::spawn_blocking(move || tls.connector_for("h2")).await;
                let made = made.map_err(|error| Error::Internal(failed_to_join(error)))?;
                Some(made.map_err(|error| Error::Unavailable(failed(error)))?)
            }
        };
        let link = Self {
            options,
            endpoints,
            tls,
            probed,
            current: Mutex::default(),
            dialling: tokio::sync::Mutex::default(),
            first: AtomicUsize::new(0),
            is_closed: watch::Sender::new(false),
        };
        let deadline = link.deadline();
        let connected = deadline.bound(link.connected()).await;
        connected
            .unwrap_or_else(|_| Err(Fault::Unsent("etcd does not answer".into())))
            .map_err(Fault::of_reading)?;
        Ok(link)
    }

    /// The response to a read, or to another call that can be sent again.
    pub(crate) async fn read<C: Call>(&self, request: C) -> Result<C::Response> {
        self.call(request, Kind::Reads).await
    }

    /// The response to a write.
    pub(crate) async fn write<C: Call>(&self, request: C) -> Result<C::Response> {
        self.call(request, Kind::Writes).await
    }

    async fn call<C: Call>(&self, request: C, kind: Kind) -> Result<C::Response> {
        let deadline = self.deadline();
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(500));
        let mut has_logged_in = false;
        loop {
            let fault = match deadline.bound(self.connected()).await {
                Ok(Ok(connection)) => {
                    match self.attempt(&connection, &request, kind, deadline).await {
                        Ok(response) => return Ok(response),
                        Err(fault) => fault,
                    }
                }
                Ok(Err(fault)) => fault,
                Err(_) => Fault::Unsent("etcd cannot be reached in time".into()),
            };
            match fault {
                Fault::Refused(error) => return Err(error),
                Fault::Unanswered(_) if kind == Kind::Writes => return Err(fault.of_writing()),
                Fault::Login(_) if has_logged_in => return Err(fault.of_reading()),
                Fault::Login(_) => has_logged_in = true,
                fault => self.pause(fault, deadline, &mut backoff).await?,
            }
        }
    }

    /// Sends a request once, and drops the connection if it fails.
    async fn attempt<C: Call>(
        &self,
        connection: &Arc<Connection>,
        request: &C,
        kind: Kind,
        deadline: Deadline,
    ) -> Result<C::Response, Fault> {
        // Leaves time to ask another server.
        let limit = if kind == Kind::Reads && self.endpoints.len() > 1 {
            Deadline::after(deadline.left() / 2)
        } else {
            deadline
        };
        let called = limit.bound(connection.call(request.clone())).await;
        let in_time = called.unwrap_or_else(|_| {
            let what = "etcd does not answer in time";
            Err(Fault::Unanswered(what.into()))
        });
        in_time.inspect_err(|fault| match fault {
            Fault::Refused(_) => {}
            Fault::Login(_) => self.lose(connection, false),
            Fault::Unsent(_) | Fault::Unanswered(_) => self.lose(connection, true),
        })
    }

    /// Waits before another attempt.
    ///
    /// # Errors
    ///
    /// That of the last one, when there is no time for another, or no store.
    async fn pause(&self, fault: Fault, deadline: Deadline, backoff: &mut Backoff) -> Result<()> {
        let is_over = self.is_closed() || deadline.bound(backoff.pause()).await.is_err();
        if is_over {
            return Err(fault.of_reading());
        }
        Ok(())
    }

    /// The connection that there is, or a new one.
    pub(crate) async fn connected(&self) -> Result<Arc<Connection>, Fault> {
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

    async fn dial(&self) -> Result<Connection, Fault> {
        let count = self.endpoints.len();
        let first = self.first.load(Ordering::Relaxed);
        let attempts = (0..count).map(|number| {
            let at = (first + number) % count;
            async move { self.dial_one(at).await.map(|connection| (at, connection)) }
        });
        match stagger::first(attempts).await {
            Ok((at, connection)) => {
                self.first.store(at, Ordering::Relaxed);
                Ok(connection)
            }
            Err(faults) => {
                let refused = |fault: &Fault| matches!(fault, Fault::Refused(_));
                let none = || Fault::Unsent("no server of etcd is named".into());
                let shown = faults.iter().position(refused).unwrap_or(0);
                Err(faults.into_iter().nth(shown).unwrap_or_else(none))
            }
        }
    }

    async fn dial_one(&self, at: usize) -> Result<Connection, Fault> {
        let authority = self.endpoints[at].clone();
        let tls = self.tls.as_ref();
        let opening = Connection::open(authority.clone(), tls, &self.options, self.probed.clone());
        let limit = CONNECT.min(self.options.answer_timeout);
        match Deadline::after(limit).bound(opening).await {
            // Nothing was asked of it yet that has an effect.
            Ok(Err(Fault::Unanswered(failure))) => Err(Fault::Unsent(failure)),
            Ok(opened) => opened,
            Err(_) => {
                let what = format!("etcd does not answer in time at {authority}");
                Err(Fault::Unsent(what.into()))
            }
        }
    }

    /// Drops a connection that failed, unless there is another one already.
    pub(crate) fn lose(&self, lost: &Arc<Connection>, is_of_server: bool) {
        let mut current = self.current.lock();
        if current.as_ref().is_some_and(|it| Arc::ptr_eq(it, lost)) {
            *current = None;
            if is_of_server {
                self.first.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether a server answers.
    pub(crate) async fn probe(&self) -> Result<()> {
        self.read(self.probed.clone()).await.map(drop)
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

    fn deadline(&self) -> Deadline {
        Deadline::after(self.options.answer_timeout)
    }
}

fn failed_to_join(error: tokio::task::JoinError) -> Failure {
    Failure::caused_by("TLS cannot be set up", error)
}
