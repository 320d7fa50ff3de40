use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;

use keywell_client::{Deadline, TlsConnector, tcp};
use keywell_store::{Error, Failure, Result};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, SimpleQueryMessage, Statement};

use crate::Options;
use crate::error::refused;
use crate::tls::Encrypting;

/// Called when the server notifies a connection.
pub(crate) type Notified = Arc<dyn Fn() + Send + Sync>;

/// A connection to the primary, used by one caller at a time.
pub(crate) struct Link {
    pub(crate) client: Client,
    statements: HashMap<&'static str, Statement>,
}

/// How connections are made.
pub(crate) struct Dialler {
    options: Options,
    tls: Option<TlsConnector>,
}

// === impl Dialler ===

impl Dialler {
    pub(crate) fn new(options: Options, tls: Option<TlsConnector>) -> Self {
        Self { options, tls }
    }

    /// Connects to the first server that is a primary and lets us in.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] with the problem of the last server.
    pub(crate) async fn connect(&self, notified: Option<Notified>) -> Result<Link> {
        let mut problem = Error::Unavailable("there is no server".into());
        for (host, port) in &self.options.hosts {
            let deadline = Deadline::after(self.options.connect_timeout);
            let connecting = self.connect_to(host, *port, notified.clone());
            problem = match deadline.bound(connecting).await {
                Ok(Ok(link)) => return Ok(link),
                Ok(Err(error)) => error,
                Err(late) => {
                    let what = format!("connecting to PostgreSQL at {host}:{port}");
                    Error::Unavailable(Failure::caused_by(what, late))
                }
            };
        }
        Err(problem)
    }

    async fn connect_to(&self, host: &str, port: u16, notified: Option<Notified>) -> Result<Link> {
        let unreachable = |error| {
            let what = format!("connecting to PostgreSQL at {host}:{port}");
            Error::Unavailable(Failure::caused_by(what, error))
        };
        let addresses = tcp::resolve(host, port).await.map_err(unreachable)?;
        let stream = tcp::connect(addresses).await.map_err(unreachable)?;
        tcp::keep_alive(&stream).map_err(unreachable)?;
        let mut config = tokio_postgres::Config::new();
        let options = &self.options;
        config
            .user(&options.user)
            .dbname(&options.database)
            .application_name("keywell");
        if let Some(password) = &options.password {
            config.password(password.expose());
        }
        let client = match &self.tls {
            None => {
                config.ssl_mode(SslMode::Disable);
                let (client, connection) = login(config.connect_raw(stream, NoTls).await, host)?;
                tokio::spawn(drive(connection, notified));
                client
            }
            Some(connector) => {
                config.ssl_mode(SslMode::Require);
                let (connector, host) = (connector.clone(), host.to_owned());
                let tls = Encrypting { connector, host };
                let host = &tls.host.clone();
                let (client, connection) = login(config.connect_raw(stream, tls).await, host)?;
                tokio::spawn(drive(connection, notified));
                client
            }
        };
        self.prepare(client, host).await
    }

    /// Sets what every connection needs, and refuses a server that is a replica.
    async fn prepare(&self, client: Client, host: &str) -> Result<Link> {
        let schema = &self.options.schema;
        let millis = self.options.answer_timeout.as_millis();
        let settings = format!(
            "SET search_path = \"{schema}\"; SET statement_timeout = {millis}; \
             SET default_transaction_isolation = 'read committed'; \
             SET default_transaction_read_only = off; SET bytea_output = 'hex'; \
             SELECT pg_is_in_recovery()"
        );
        let answers = client.simple_query(&settings).await.map_err(refused)?;
        let is_replica = answers.iter().any(
            |answer| matches!(answer, SimpleQueryMessage::Row(row) if row.get(0) == Some("t")),
        );
        if is_replica {
            let what = format!("{host} is a replica, and not the primary");
            return Err(Error::Unavailable(Failure::new(what)));
        }
        Ok(Link {
            client,
            statements: HashMap::new(),
        })
    }
}

fn login<T>(connected: Result<T, tokio_postgres::Error>, host: &str) -> Result<T> {
    connected.map_err(|error| {
        let what = format!("logging in to PostgreSQL at {host}");
        Error::Unavailable(Failure::caused_by(what, error))
    })
}

/// Carries the messages of a connection, until its client is dropped or it breaks.
async fn drive<T>(mut connection: Connection<TcpStream, T>, notified: Option<Notified>)
where
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
    /// The statement of a query, prepared once.
    pub(crate) async fn statement(
        &mut self,
        sql: &'static str,
    ) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}
