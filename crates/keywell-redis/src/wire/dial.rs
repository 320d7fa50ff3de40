use std::fmt;
use std::io;
use std::time::Duration;

use keywell_client::{Deadline, Tls, TlsConnector, tcp};
use keywell_store::Secret;
use keywell_system::socket;
use redis::{Cmd, ServerError, Value};

use super::dedicated::Dedicated;
use super::stream::Stream;
use super::{command, text};
use crate::OpenError;
use crate::options::{Address, Login, Options};

/// Makes connections: reaches a server, and logs in.
pub(crate) struct Dialler {
    tls: Option<TlsConnector>,
    login: Login,
    database: u32,
    connect: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("cannot reach {0}: {1}")]
    Unreachable(Address, io::Error),
    #[error("no connection to {0} within {1:?}")]
    Slow(Address, Duration),
    #[error("{0} refuses to {1}: {2}")]
    Refused(Address, &'static str, Refusal),
    #[error("{0}")]
    Other(String),
}

/// What a server said, without the debug marks of the client crate and without our password: a server
/// that does not know a command quotes what stands behind it.
#[derive(Debug)]
pub(crate) struct Refusal(String);

// === impl Dialler ===

impl Dialler {
    pub(crate) fn new(options: &Options) -> Result<Self, OpenError> {
        let tls = options.tls.as_ref().map(Tls::connector);
        Ok(Self {
            tls: tls.transpose()?,
            login: options.login.clone(),
            database: options.database,
            connect: options.connect_timeout,
        })
    }

    /// The same, with another login and no database: how sentinels are asked.
    pub(crate) fn for_sentinels(&self, login: Login) -> Self {
        Self {
            tls: self.tls.clone(),
            login,
            database: 0,
            connect: self.connect,
        }
    }

    /// How long connecting may take.
    pub(crate) fn patience(&self) -> Duration {
        self.connect
    }

    /// A connection that is ready for commands.
    ///
    /// # Errors
    ///
    /// Also when it takes longer than connecting may.
    pub(crate) async fn dial(&self, address: &Address) -> Result<Dedicated, DialError> {
        let dialled = Deadline::after(self.connect).bound(async {
            let stream = self.reach(address).await?;
            let mut connection = Dedicated::new(stream, address.clone());
            self.greet(&mut connection, address).await?;
            Ok(connection)
        });
        let slow = |_| DialError::Slow(address.clone(), self.connect);
        dialled.await.map_err(slow)?
    }

    async fn reach(&self, address: &Address) -> Result<Stream, DialError> {
        let unreachable = |error| DialError::Unreachable(address.clone(), error);
        let (host, port) = match address {
            Address::Unix(path) => {
                let stream = socket::connect_to(path).await.map_err(unreachable)?;
                return Ok(Box::new(stream));
            }
            Address::Tcp { host, port } => (host, *port),
        };
        let addresses = tcp::resolve(host, port).await.map_err(unreachable)?;
        let stream = tcp::connect(addresses).await.map_err(unreachable)?;
        // A subscriber says nothing for hours, and has to notice that its server is gone.
        tcp::keep_alive(&stream).map_err(unreachable)?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let stream = tls.connect(host, stream).await.map_err(unreachable)?;
        Ok(Box::new(stream))
    }

    async fn greet(&self, connection: &mut Dedicated, address: &Address) -> Result<(), DialError> {
        let mut steps: Vec<(&'static str, Cmd)> = Vec::new();
        if let Some(password) = &self.login.password {
            let auth = match &self.login.user {
                Some(user) => command(&[b"AUTH", user.as_bytes(), password.expose().as_bytes()]),
                None => command(&[b"AUTH", password.expose().as_bytes()]),
            };
            steps.push(("accept the login", auth));
        }
        if self.database != 0 {
            let database = self.database.to_string();
            steps.push((
                "open its database",
                command(&[b"SELECT", database.as_bytes()]),
            ));
        }
        // The name is for people who look at the server's clients; an account without the right
        // to set it is no less an account.
        let naming = text("CLIENT SETNAME keywell");
        let commands: Vec<&Cmd> = steps
            .iter()
            .map(|(_, step)| step)
            .chain([&naming])
            .collect();
        let unreachable = |error| DialError::Unreachable(address.clone(), error);
        let refused = |what, error: ServerError| {
            let refusal = Refusal::new(&error, &self.login);
            DialError::Refused(address.clone(), what, refusal)
        };
        // A server that has no place for us says so without being asked, and hangs up: what it said
        // is there to be read, whatever becomes of what we send.
        let sent = connection.send(&commands).await;
        for (what, _) in &steps {
            let reply = connection.reply().await;
            if let Value::ServerError(error) = reply.map_err(unreachable)? {
                return Err(refused(what, error));
            }
        }
        match connection.reply().await.map_err(unreachable)? {
            Value::ServerError(error) if !is_about_the_name(&error) => {
                Err(refused("accept the connection", error))
            }
            _ => sent.map_err(unreachable),
        }
    }
}

/// Whether a server refuses no more than to know our name.
fn is_about_the_name(error: &ServerError) -> bool {
    let details = error.details().unwrap_or_default().to_ascii_lowercase();
    match error.code() {
        "NOPERM" => true,
        "ERR" => ["unknown command", "unknown subcommand"]
            .iter()
            .any(|unknown| details.starts_with(unknown)),
        _ => false,
    }
}

// === impl Refusal ===

impl Refusal {
    fn new(error: &ServerError, login: &Login) -> Self {
        let said = format!("{} {}", error.code(), error.details().unwrap_or(""));
        let password = login.password.as_ref().map(Secret::expose);
        Self(match password.filter(|password| !password.is_empty()) {
            Some(password) => said.replace(password, "***"),
            None => said,
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_refuse_to_know_our_name_and_nothing_else() {
        let is_about_the_name = |reply: &str| match redis::parse_redis_value(reply.as_bytes()) {
            Ok(Value::ServerError(error)) => is_about_the_name(&error),
            other => panic!("{other:?}"),
        };
        for reply in [
            "-NOPERM User ann has no permissions to run the 'client|setname' command\r\n",
            "-ERR unknown command `CLIENT`, with args beginning with: `SETNAME`, `keywell`, \r\n",
            "-ERR Unknown subcommand or wrong number of arguments for 'SETNAME'. Try CLIENT HELP.\r\n",
            "-ERR unknown subcommand 'SETNAME'. Try CLIENT HELP.\r\n",
        ] {
            assert!(is_about_the_name(reply), "{reply}");
        }
        for reply in [
            "-DENIED Redis is running in protected mode because protected mode is enabled\r\n",
            "-ERR max number of clients reached\r\n",
            "-NOAUTH Authentication required.\r\n",
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
        ] {
            assert!(!is_about_the_name(reply), "{reply}");
        }
    }
}
