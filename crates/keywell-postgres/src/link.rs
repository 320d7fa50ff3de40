use std::future::poll_fn;
use std::sync::Arc;

use keywell_client::{Deadline, TlsConnector, stagger, tcp};
use keywell_store::{Error, Failure, Result};
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, SimpleQueryMessage, Statement};

use crate::Options;
use crate::error::refused;
use crate::passwords::Passwords;
use crate::tls::Encrypting;

/// Called when the server notifies a connection.
pub(crate) type Notified = Arc<dyn Fn() + Send + Sync>;

/// A connection to the primary, used by one caller at a time.
pub(crate) struct Link {
    pub(crate) client: Client,
    statements: Vec<(&'static str, Statement)>,
    is_settled: bool,
}

/// Why no server let us in.
pub(crate) struct Refused {
    pub(crate) error: Error,
    /// Whether one has no connection left for now.
    pub(crate) is_full: bool,
}

/// How connections are made.
pub(crate) struct Dialler {
    options: Options,
    passwords: Passwords,
    tls: Option<TlsConnector>,
}

// === impl Dialler ===

impl Dialler {
    pub(crate) fn new(options: Options, passwords: Passwords, tls: Option<TlsConnector>) -> Self {
        Self {
            options,
            passwords,
            tls,
        }
    }

    /// Connects to a server that is a primary and lets us in: the first that says so, where each but the
    /// first is asked once those before it failed or were silent for a moment.
    ///
    /// # Errors
    ///
    /// The problem of the last server; of one that is full, if there is one.
    pub(crate) async fn connect(&self, notified: Option<Notified>) -> Result<Link, Refused> {
        let attempts = self.options.hosts.iter().map(|(host, port)| {
            let notified = notified.clone();
            async move {
                let deadline = Deadline::after(self.options.connect_timeout);
                let connecting = self.connect_to(host, *port, notified);
                deadline.bound(connecting).await.unwrap_or_else(|late| {
                    let what = format!("connecting to PostgreSQL at {host}:{port}");
                    Err(Refused::of(Failure::caused_by(what, late)))
                })
            }
        });
        let connected = stagger::first(attempts.collect::<Vec<_>>()).await;
        connected.map_err(|problems| {
            let none = Refused::of("there is no server");
            let last = |last: Refused, next| if last.is_full { last } else { next };
            problems.into_iter().fold(none, last)
        })
    }

    async fn connect_to(
        &self,
        host: &str,
        port: u16,
        notified: Option<Notified>,
    ) -> Result<Link, Refused> {
        let unreachable = |error| {
            let what = format!("connecting to PostgreSQL at {host}:{port}");
            Refused::of(Failure::caused_by(what, error))
        };
        let login = |error| Refused::at_login(error, host, port, &self.options.user);
        let config = self.config(host, port);
        #[cfg(unix)]
        if host.starts_with('/') {
            let mut config = config;
            config.ssl_mode(SslMode::Disable);
            let socket = UnixStream::connect(format!("{host}/.s.PGSQL.{port}"));
            let socket = socket.await.map_err(unreachable)?;
            let connecting = config.connect_raw(socket, NoTls);
            let (client, connection) = connecting.await.map_err(login)?;
            tokio::spawn(drive(connection, notified));
            return self.prepare(client, host).await;
        }
        let addresses = tcp::resolve(host, port).await.map_err(unreachable)?;
        let stream = tcp::connect(addresses).await.map_err(unreachable)?;
        tcp::keep_alive(&stream).map_err(unreachable)?;
        let client = match &self.tls {
            None => {
                let connecting = config.connect_raw(stream, NoTls);
                let (client, connection) = connecting.await.map_err(login)?;
                tokio::spawn(drive(connection, notified));
                client
            }
            Some(connector) => {
                let tls = Encrypting {
                    connector: connector.clone(),
                    host: host.to_owned(),
                };
                let connecting = config.connect_raw(stream, tls);
                let (client, connection) = connecting.await.map_err(login)?;
                tokio::spawn(drive(connection, notified));
                client
            }
        };
        self.prepare(client, host).await
    }

    fn config(&self, host: &str, port: u16) -> tokio_postgres::Config {
        let options = &self.options;
        let (database, user) = (&options.database, &options.user);
        let mut config = tokio_postgres::Config::new();
        config
            .user(user)
            .dbname(database)
            .application_name("keywell")
            .ssl_mode(match self.tls {
                None => SslMode::Disable,
                Some(_) => SslMode::Require,
            });
        if let Some(password) = self.passwords.of(host, port, database, user) {
            config.password(password.expose());
        }
        config
    }

    /// Sets what every connection needs, and refuses a server that is a replica. Every query finds its
    /// rows by an index, also while a new table seems too small for one.
    async fn prepare(&self, client: Client, host: &str) -> Result<Link, Refused> {
        let schema = &self.options.schema;
        let millis = self.options.answer_timeout.as_millis();
        let settings = format!(
            "SET search_path = \"{schema}\"; SET statement_timeout = {millis}; \
             SET default_transaction_isolation = 'read committed'; \
             SET default_transaction_read_only = off; SET bytea_output = 'hex'; \
             SET jit = off; SET enable_seqscan = off; SET enable_bitmapscan = off; \
             SELECT pg_is_in_recovery()"
        );
        let answers = client.simple_query(&settings).await;
        let answers = answers.map_err(|error| Refused::by(refused(error)))?;
        let is_replica = answers.iter().any(
            |answer| matches!(answer, SimpleQueryMessage::Row(row) if row.get(0) == Some("t")),
        );
        if is_replica {
            let what = format!("{host} is a replica, and not the primary");
            return Err(Refused::of(Failure::new(what)));
        }
        Ok(Link {
            client,
            statements: Vec::new(),
            is_settled: false,
        })
    }
}

/// Why a server does not let a user in, in its own words, and what to do.
fn refusal(error: &tokio_postgres::Error) -> Option<(String, &'static str)> {
    const PASSWORD: &str = "give the right password, in the URL, in PGPASSWORD or in ~/.pgpass";
    const MISSING: &str = "password missing";
    let why = || error.as_db_error().map(|error| error.message().to_owned());
    match error.code() {
        Some(&SqlState::INVALID_PASSWORD) => Some((why()?, PASSWORD)),
        Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            let hint = "check the user, the setting tls, and the rules in the server's pg_hba.conf";
            Some((why()?, hint))
        }
        Some(_) => None,
        // The client says this itself.
        None => {
            let source = std::error::Error::source(error)?.to_string();
            (source == MISSING).then(|| ("it asks for a password".to_owned(), PASSWORD))
        }
    }
}

// === impl Refused ===

impl Refused {
    fn by(error: Error) -> Self {
        Self {
            error,
            is_full: false,
        }
    }

    fn of(failure: impl Into<Failure>) -> Self {
        Self::by(Error::Unavailable(failure.into()))
    }

    fn at_login(error: tokio_postgres::Error, host: &str, port: u16, user: &str) -> Self {
        let is_full = error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS);
        let failure = if let Some((why, hint)) = refusal(&error) {
            Failure::new(format!(
                "PostgreSQL at {host}:{port} refuses the login of the user {user}: {why}; {hint}"
            ))
        } else {
            let what = format!("logging in to PostgreSQL at {host}");
            Failure::caused_by(what, error)
        };
        Self {
            error: Error::Unavailable(failure),
            is_full,
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        refused.error
    }
}

/// Carries the messages of a connection, until its client is dropped or it breaks.
async fn drive<S, T>(mut connection: Connection<S, T>, notified: Option<Notified>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|cx| connection.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notification(_))) => {
                if let Some(notified) = &notified {
                    notified();
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
                break;
            }
            None => break,
        }
    }
    // A listener has to notice that its connection is gone.
    if let Some(notified) = &notified {
        notified();
    }
}

// === impl Link ===

impl Link {
    /// Prepares the session for what compares transactions and assigns versions; see `settle` in
    /// `schema.sql`.
    pub(crate) async fn settle(&mut self) -> Result<(), tokio_postgres::Error> {
        if !self.is_settled {
            self.client.batch_execute("SELECT settle()").await?;
            self.is_settled = true;
        }
        Ok(())
    }

    /// The statement of a query, prepared once.
    pub(crate) async fn statement(
        &mut self,
        sql: &'static str,
    ) -> Result<Statement, tokio_postgres::Error> {
        // By its place: a comparison of long texts would take longer.
        let mut known = self.statements.iter();
        if let Some((_, statement)) = known.find(|(known, _)| std::ptr::eq(*known, sql)) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.push((sql, statement.clone()));
        Ok(statement)
    }
}
