//! One server, and what becomes of commands when the connection to it is lost.
//!
//! A command that reads is sent again. One that writes is sent once: it is sent again only if it
//! certainly was not sent before.

use std::sync::Arc;
use std::time::Duration;

use keywell_client::{Backoff, Deadline, TlsConnector, tcp};
use keywell_store::{Error, Failure, Result};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

use crate::connection::Connection;
use crate::fault::Fault;
use crate::options::MemcachedOptions;
use crate::wire::{self, Command, Item, Reply};

/// A server.
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    tls: Option<TlsConnector>,
    options: MemcachedOptions,
    current: Mutex<Option<Arc<Connection>>>,
    /// Held by the one who dials.
    dialling: tokio::sync::Mutex<()>,
}

/// An item as it was found, with the run of the server that counts its number.
pub(crate) struct Found {
    pub(crate) item: Item,
    pub(crate) run: u64,
}

/// How a write ended.
pub(crate) enum Written {
    /// It was done; this is the number of the write, and the run of the server.
    Done { number: u64, run: u64 },
    /// The item is not there.
    Absent,
    /// The item is not as it was required.
    Stale,
}

// === impl Server ===

impl Server {
    /// A server at `HOST` or `HOST:PORT`, not yet connected.
    pub(crate) fn new(
        address: &str,
        tls: Option<TlsConnector>,
        options: &MemcachedOptions,
    ) -> Option<Self> {
        let (host, port) = split(address)?;
        Some(Self {
            host: host.to_owned(),
            port,
            tls,
            options: options.clone(),
            current: Mutex::default(),
            dialling: tokio::sync::Mutex::default(),
        })
    }

    /// The item of a name, for a caller that can hold a value of at most `max` bytes; or how many
    /// bytes it has.
    pub(crate) async fn read(
        &self,
        command: Command,
        max: usize,
    ) -> Result<Option<Result<Found, usize>>> {
        let deadline = self.deadline();
        let mut backoff = backoff();
        loop {
            let connected = deadline.bound(self.connected()).await;
            let fault = match connected.unwrap_or_else(|_| Err(late())) {
                Ok(connection) => {
                    let called = self.call(&connection, command.clone(), max, deadline).await;
                    match called {
                        Ok(Reply::Done(item)) => {
                            let run = connection.run;
                            return Ok(Some(Ok(Found { item, run })));
                        }
                        Ok(Reply::TooLarge(bytes)) => return Ok(Some(Err(bytes))),
                        Ok(Reply::Absent | Reply::Stale) => return Ok(None),
                        Err(fault) => fault,
                    }
                }
                Err(fault) => fault,
            };
            let is_over = matches!(fault, Fault::Refused(_));
            if is_over || deadline.bound(backoff.pause()).await.is_err() {
                return Err(fault.of_reading());
            }
        }
    }

    /// Does a write. What requires the number of an item is for one run of the server: another one
    /// does not have that item.
    pub(crate) async fn write(&self, command: Command, run: Option<u64>) -> Result<Written> {
        let deadline = self.deadline();
        let mut backoff = backoff();
        loop {
            let connected = deadline.bound(self.connected()).await;
            let fault = match connected.unwrap_or_else(|_| Err(late())) {
                Ok(connection) if run.is_some_and(|run| run != connection.run) => {
                    return Ok(Written::Stale);
                }
                Ok(connection) => {
                    let called = self.call(&connection, command.clone(), 0, deadline).await;
                    match called {
                        Ok(Reply::Done(Item { number, .. })) => {
                            let run = connection.run;
                            return Ok(Written::Done { number, run });
                        }
                        Ok(Reply::Absent) => return Ok(Written::Absent),
                        Ok(Reply::Stale | Reply::TooLarge(_)) => return Ok(Written::Stale),
                        Err(fault) => fault,
                    }
                }
                Err(fault) => fault,
            };
            let is_over = !matches!(fault, Fault::Unsent(_));
            if is_over || deadline.bound(backoff.pause()).await.is_err() {
                return Err(fault.of_writing());
            }
        }
    }

    /// Sends a command once, and drops the connection if there is no reply.
    async fn call(
        &self,
        connection: &Arc<Connection>,
        command: Command,
        max: usize,
        deadline: Deadline,
    ) -> Result<Reply, Fault> {
        let called = deadline.bound(connection.call(command, max)).await;
        let called = called.unwrap_or_else(|_| {
            let what = format!(
                "Memcached does not answer in time at {}:{}",
                self.host, self.port
            );
            Err(Fault::Unanswered(what.into()))
        });
        called.inspect_err(|fault| {
            let is_lost = !matches!(fault, Fault::Refused(_));
            let mut current = self.current.lock();
            if is_lost
                && current
                    .as_ref()
                    .is_some_and(|it| Arc::ptr_eq(it, connection))
            {
                *current = None;
            }
        })
    }

    /// The connection that there is, or a new one.
    async fn connected(&self) -> Result<Arc<Connection>, Fault> {
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
        let dialled = async {
            let stream = tcp::connect(tcp::resolve(&self.host, self.port).await?).await?;
            Ok(match &self.tls {
                Some(tls) => self.greet(tls.connect(&self.host, stream).await?).await?,
                None => self.greet(stream).await?,
            })
        };
        let dialled: std::io::Result<Result<Connection, Fault>> = dialled.await;
        dialled.unwrap_or_else(|error| {
            let what = format!("Memcached cannot be reached at {}:{}", self.host, self.port);
            Err(Fault::Unsent(Failure::caused_by(what, error)))
        })
    }

    /// Logs in, and asks which run of the server it is.
    async fn greet(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> std::io::Result<Result<Connection, Fault>> {
        let mut stream = BufReader::new(stream);
        if let Some((user, password)) = &self.options.user {
            let login = format!("{user} {}", password.expose());
            let login = format!("set login 0 0 {}\r\n{login}\r\n", login.len());
            stream.write_all(login.as_bytes()).await?;
            stream.flush().await?;
            let answer = wire::line(&mut stream).await?;
            // A server without users has stored it, and forgets it here.
            if answer != "STORED" {
                let what = "Memcached refuses the user or the password";
                return Ok(Err(Fault::Refused(Error::AccessDenied(what.into()))));
            }
        }
        stream.write_all(b"stats\r\n").await?;
        stream.flush().await?;
        let (mut process, mut time, mut uptime) = (0, 0, 0);
        loop {
            let line = wire::line(&mut stream).await?;
            let mut words = line.split(' ');
            let number = |word: Option<&str>| word.and_then(|word| word.parse().ok()).unwrap_or(0);
            match (words.next(), words.next()) {
                (Some("STAT"), Some("pid")) => process = number(words.next()),
                (Some("STAT"), Some("time")) => time = number(words.next()),
                (Some("STAT"), Some("uptime")) => uptime = number(words.next()),
                (Some("STAT"), _) => {}
                (Some("END"), None) => break,
                _ => {
                    let denied = Error::AccessDenied("Memcached asks for a user".into());
                    let what = format!("Memcached answers: {line}");
                    return Ok(Err(Fault::Refused(if line.contains("unauthenticated") {
                        denied
                    } else {
                        Error::Unavailable(what.into())
                    })));
                }
            }
        }
        // Both are of one clock, so their difference is when the server began.
        let run = (u64::wrapping_sub(time, uptime) << 32) | (process & u64::from(u32::MAX));
        Ok(Ok(Connection::new(stream, run)))
    }

    /// Drops the connection.
    pub(crate) fn close(&self) {
        *self.current.lock() = None;
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.options.answer_timeout)
    }
}

fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(10), Duration::from_millis(500))
}

fn late() -> Fault {
    Fault::Unsent("Memcached cannot be reached in time".into())
}

/// The host and the port of `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
pub(crate) fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (
                host,
                rest.strip_prefix(':')
                    .or(rest.is_empty().then_some("11211"))?,
            )
        }
        None => address.split_once(':').unwrap_or((address, "11211")),
    };
    let is_host = !host.is_empty() && !host.contains(['/', '@', ' ']);
    Some((host, port.parse().ok()?)).filter(|_| is_host)
}
