//! A fake of Firestore: of the calls that Keywell's store makes, each as the service's
//! documentation says. Comments cite the page, below <https://cloud.google.com/firestore/>, whose
//! words they quote. It was never compared with the service itself.
//!
//! It is a fake because the emulators lack preconditions on update times, transactions that fail,
//! and times of reads. A [`FirestoreDefect`] makes it behave otherwise, to show that a test would
//! notice.

mod defect;
mod documents;
mod limits;
mod listen;
mod query;
mod service;
mod state;

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use firestore_messages::google::firestore::v1::value::ValueType;
use firestore_messages::google::firestore::v1::write::Operation;
use firestore_messages::google::firestore::v1::{CommitRequest, Document, Value, Write};
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::mpsc as signals;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tonic::Code;

pub use defect::FirestoreDefect;
use state::State;

use crate::chosen;
use crate::error::{Error, Result};
use crate::port::Port;
use crate::tls::Tls;

/// How often it collects what has expired.
const COLLECTING: Duration = Duration::from_millis(50);

/// A fake of Firestore in a thread of this process, ended when this is dropped.
pub struct Firestore {
    state: Arc<State>,
    port: Port,
    tls: Option<TlsAcceptor>,
    running: Mutex<Option<Running>>,
}

struct Running {
    /// The thread ends when this is dropped.
    freezes: signals::UnboundedSender<Freeze>,
    frozen: Option<mpsc::Sender<()>>,
    thread: JoinHandle<()>,
}

/// Stops the thread.
struct Freeze {
    /// Dropped once it stands still.
    begins: mpsc::Sender<()>,
    /// It goes on when the sender is dropped.
    ends: mpsc::Receiver<()>,
}

// === impl Firestore ===

impl Firestore {
    /// Its project.
    pub const PROJECT: &str = "keywell-tests";

    /// Starts one with the database `(default)`, without TLS and without logins.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub async fn start() -> Result<Self> {
        Self::start_with(None).await
    }

    /// The same. With certificates, it lets in only clients that encrypt their connection and send
    /// a token.
    ///
    /// # Errors
    ///
    /// As [`Firestore::start`].
    pub async fn start_with(tls: Option<&Tls>) -> Result<Self> {
        chosen::require("firestore")?;
        let database = format!("projects/{}/databases/(default)", Self::PROJECT);
        let firestore = Self {
            state: Arc::new(State::new(database, tls.is_some())),
            port: Port::claim()?,
            tls: tls.map(acceptor).transpose()?,
            running: Mutex::default(),
        };
        firestore.restart().await?;
        Ok(firestore)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// Cuts all connections and answers no more.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub fn kill(&self) -> Result<()> {
        let running = self.running.lock().take();
        running.ok_or(Error::NotRunning)?.end();
        Ok(())
    }

    /// Stops it where it is: connections stay, and nothing is answered.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub fn freeze(&self) -> Result<()> {
        let mut running = self.running.lock();
        let running = running.as_mut().ok_or(Error::NotRunning)?;
        let (begins, begun) = mpsc::channel();
        let (frozen, ends) = mpsc::channel();
        let sent = running.freezes.send(Freeze { begins, ends });
        sent.map_err(|_| Error::NotRunning)?;
        running.frozen = Some(frozen);
        // It answers by dropping the sender.
        let _ = begun.recv();
        Ok(())
    }

    /// Lets a frozen one go on.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub fn thaw(&self) -> Result<()> {
        let mut running = self.running.lock();
        running.as_mut().ok_or(Error::NotRunning)?.frozen = None;
        Ok(())
    }

    /// Starts one that was killed, at the same address and with the documents it had.
    ///
    /// # Errors
    ///
    /// [`Error::Running`], or its port is taken.
    #[expect(clippy::unused_async, reason = "other servers are awaited")]
    pub async fn restart(&self) -> Result<()> {
        if self.running.lock().is_some() {
            return Err(Error::Running);
        }
        let listener = std::net::TcpListener::bind(self.addr())?;
        listener.set_nonblocking(true)?;
        let (freezes, frozen) = signals::unbounded_channel();
        let (state, tls) = (self.state.clone(), self.tls.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::spawn(move || {
            runtime.block_on(run(state, listener, tls, frozen));
        });
        *self.running.lock() = Some(Running {
            freezes,
            frozen: None,
            thread,
        });
        Ok(())
    }

    /// Behaves otherwise than the service from now on.
    pub fn plant(&self, defect: FirestoreDefect) {
        self.state.documents().defect = Some(defect);
    }

    /// Answers each request with this status until [`accept`](Self::accept), and ends listeners
    /// with it: `ResourceExhausted` for a client that is throttled, say.
    pub fn refuse(&self, code: Code, message: &str) {
        self.state.refuse(Some((code, message.to_owned())));
    }

    /// Answers requests again.
    pub fn accept(&self) {
        self.state.refuse(None);
    }

    /// How often a method was called: `Commit`.
    pub fn calls(&self, method: &str) -> usize {
        self.state.counted(method)
    }

    /// How many transactions are neither committed nor rolled back.
    pub fn open_transactions(&self) -> usize {
        self.state.documents().open_transactions()
    }

    /// Collects nothing that has expired until [`collect`](Self::collect), as the service may take
    /// a day to.
    pub fn stop_collecting(&self) {
        self.state.set_collecting(false);
    }

    /// Deletes what has expired, and says how much that was.
    pub fn collect(&self) -> usize {
        self.state.collect()
    }

    /// Ends the streams of all listeners, as the service does from time to time.
    pub fn end_listeners(&self) {
        self.state.end_listeners();
    }

    /// Keeps the states of documents only from now on.
    pub fn forget_history(&self) {
        self.state.documents().forget();
    }

    /// Puts its clock ahead of this machine's.
    pub fn put_ahead(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.state.documents().skew = by;
    }

    /// Writes a document as another program does, with texts as its fields; `path` is the part of
    /// its name behind `documents/`.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`].
    pub fn write(&self, path: &str, fields: &[(&str, &str)]) -> Result<()> {
        let fields = fields.iter().map(|(field, text)| {
            let value = ValueType::StringValue((*text).to_owned());
            let value_type = Some(value);
            ((*field).to_owned(), Value { value_type })
        });
        let document = Document {
            name: self.name(path),
            fields: fields.collect(),
            ..Document::default()
        };
        self.commit(Operation::Update(document))
    }

    /// Deletes a document as another program does.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`].
    pub fn delete(&self, path: &str) -> Result<()> {
        self.commit(Operation::Delete(self.name(path)))
    }

    /// The paths of the documents that there are, in their order.
    pub fn paths(&self) -> Vec<String> {
        let mut documents = self.state.documents();
        let now = documents.now();
        let prefix = self.name("");
        let all = documents.beginning_with(&prefix, now);
        let paths = all.filter(|(_, document)| document.is_some());
        paths
            .map(|(name, _)| name[prefix.len()..].to_owned())
            .collect()
    }

    fn name(&self, path: &str) -> String {
        format!("{}/documents/{path}", self.state.database)
    }

    fn commit(&self, operation: Operation) -> Result<()> {
        let write = Write {
            operation: Some(operation),
            ..Write::default()
        };
        let request = CommitRequest {
            writes: vec![write],
            ..CommitRequest::default()
        };
        let committed = self.state.documents().commit(&request);
        committed.map_err(|status| Error::Refused(status.message().to_owned()))?;
        self.state.changed();
        Ok(())
    }
}

impl Drop for Firestore {
    fn drop(&mut self) {
        if let Some(running) = self.running.lock().take() {
            running.end();
        }
    }
}

// === impl Running ===

impl Running {
    fn end(self) {
        drop((self.freezes, self.frozen));
        // It ends with all its connections, and cannot panic.
        drop(self.thread.join());
    }
}

/// Accepts connections until the sender of `freezes` is dropped.
async fn run(
    state: Arc<State>,
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    mut freezes: signals::UnboundedReceiver<Freeze>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let mut connections = JoinSet::new();
    let mut collecting = tokio::time::interval(COLLECTING);
    loop {
        tokio::select! {
            frozen = freezes.recv() => match frozen {
                // The thread is its own, and everything in it stands still.
                Some(freeze) => {
                    drop(freeze.begins);
                    let _ = freeze.ends.recv();
                }
                None => return,
            },
            _ = collecting.tick(), if state.is_collecting() => {
                state.collect();
            }
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                drop(stream.set_nodelay(true));
                let (state, tls) = (state.clone(), tls.clone());
                connections.spawn(async move {
                    let Some(tls) = tls else {
                        return service::serve(state, stream).await;
                    };
                    if let Ok(stream) = tls.accept(stream).await {
                        service::serve(state, stream).await;
                    }
                });
            }
        }
    }
}

fn acceptor(tls: &Tls) -> Result<TlsAcceptor> {
    let refused = |problem: String| Error::Refused(problem);
    let chain = CertificateDer::from_pem_file(tls.server_certificate());
    let chain = chain.map_err(|error| refused(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(tls.server_key());
    let key = key.map_err(|error| refused(error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            let config = config.with_no_client_auth();
            config.with_single_cert(vec![chain], key)
        });
    let mut config = config.map_err(|error| refused(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
