use std::fmt;
use std::sync::Arc;

use keywell_client::stagger;
use parking_lot::Mutex;
use redis::Value;

use crate::options::Address;
use crate::wire::{Dedicated, DialError, Dialler, command, text};

/// Finds a server, and connects to it.
pub(crate) enum Finder {
    /// It is there.
    At(Address, Arc<Dialler>),
    /// It is the primary that sentinels know.
    Sentinel(Sentinels),
}

pub(crate) struct Sentinels {
    pub(crate) addresses: Vec<Address>,
    pub(crate) service: String,
    pub(crate) ask: Dialler,
    pub(crate) dialler: Arc<Dialler>,
    /// The primary that was connected to last.
    pub(super) found: Mutex<Option<Address>>,
}

// === impl Finder ===

impl Finder {
    /// A new connection to it.
    pub(crate) async fn find(&self) -> Result<Dedicated, DialError> {
        match self {
            Self::At(address, dialler) => dialler.dial(address).await,
            Self::Sentinel(sentinels) => sentinels.find().await,
        }
    }

    /// As [`find`](Self::find), and never one to a server that says of itself that it is a replica.
    pub(crate) async fn find_primary(&self) -> Result<Dedicated, DialError> {
        let Self::At(address, dialler) = self else {
            return self.find().await;
        };
        let mut connection = dialler.dial(address).await?;
        // Accounts that may not ask for the `ROLE` may greet.
        let reply = connection.call(&text("HELLO"), dialler.patience()).await;
        let failed = |error| DialError::Unreachable(address.clone(), error);
        if greets_as_replica(&reply.map_err(failed)?) {
            let problem = format!("{address} leads to a replica");
            return Err(DialError::Other(problem));
        }
        Ok(connection)
    }
}

impl fmt::Display for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address, _) => address.fmt(f),
            Self::Sentinel(sentinels) => write!(f, "the primary of {}", sentinels.service),
        }
    }
}

// === impl Sentinels ===

impl Sentinels {
    /// Asks sentinels in turn, and takes the first primary that says it is one: a sentinel may be
    /// behind the others (guidelines for Redis sentinel clients), or silent.
    async fn find(&self) -> Result<Dedicated, DialError> {
        let attempts = self.addresses.iter().map(|sentinel| self.find_by(sentinel));
        stagger::first(attempts.collect::<Vec<_>>())
            .await
            .map_err(|problems| {
                // Those that said something know more than those that did not.
                let said_something = |problem: &DialError| !matches!(problem, DialError::Slow(..));
                let problem = problems.into_iter().max_by_key(said_something);
                problem
                    .unwrap_or_else(|| DialError::Other("there is no sentinel to ask".to_owned()))
            })
    }

    /// The primary that was connected to last.
    pub(super) fn found(&self) -> Option<Address> {
        self.found.lock().clone()
    }

    pub(super) fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Connects to a sentinel, and asks it for the primary.
    pub(super) async fn ask(&self, sentinel: &Address) -> Result<Address, DialError> {
        let mut asked = self.ask.dial(sentinel).await?;
        let question = command(&[
            b"SENTINEL",
            b"GET-MASTER-ADDR-BY-NAME",
            self.service.as_bytes(),
        ]);
        let within = self.ask.patience();
        let failed = |error| DialError::Unreachable(sentinel.clone(), error);
        let reply = asked.call(&question, within).await.map_err(failed)?;
        primary(&reply).ok_or_else(|| {
            let service = &self.service;
            let problem = format!("the sentinel {sentinel} knows no primary of {service:?}");
            DialError::Other(problem)
        })
    }

    async fn find_by(&self, sentinel: &Address) -> Result<Dedicated, DialError> {
        let primary = self.ask(sentinel).await?;
        let within = self.ask.patience();
        let mut connection = self.dialler.dial(&primary).await?;
        let failed = |error| DialError::Unreachable(primary.clone(), error);
        let reply = connection.call(&text("ROLE"), within).await;
        if is_primary(&reply.map_err(failed)?) {
            *self.found.lock() = Some(primary);
            return Ok(connection);
        }
        let problem = format!("{primary}, which the sentinel {sentinel} names, is no primary yet");
        Err(DialError::Other(problem))
    }
}

fn primary(reply: &Value) -> Option<Address> {
    let Value::Array(parts) = reply else {
        return None;
    };
    let [host, port] = &parts[..] else {
        return None;
    };
    let text = |part: &Value| match part {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        _ => None,
    };
    let host = text(host)?;
    let port = text(port)?.parse().ok()?;
    if host.is_empty() {
        return None;
    }
    Some(Address::Tcp { host, port })
}

/// Whether `HELLO` was answered by a replica, in the second version of the protocol: a list of names
/// and values.
fn greets_as_replica(reply: &Value) -> bool {
    let Value::Array(parts) = reply else {
        return false;
    };
    let is = |part: &Value, text: &[u8]| matches!(part, Value::BulkString(bytes) if bytes == text);
    let mut pairs = parts.chunks_exact(2);
    pairs.any(|pair| is(&pair[0], b"role") && !is(&pair[1], b"master"))
}

/// Whether `ROLE` was answered by a primary. An account that may not ask is taken at its word.
pub(crate) fn is_primary(role: &Value) -> bool {
    match role {
        Value::Array(parts) => parts.first() == Some(&Value::BulkString(b"master".to_vec())),
        Value::ServerError(error) => error.code() == "NOPERM",
        _ => false,
    }
}
