//! Requests to `JetStream`, and what their failures mean.
//!
//! Nothing is sent while there is no connection: the client would keep it and send it later, after
//! its caller was answered that nothing happened.

use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::connection::State;
use async_nats::{Client, HeaderMap, Message};
use bytes::Bytes;
use keywell_store::{Error, Failure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Sends requests to the `JetStream` of one account, maybe in a domain.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    /// What its subjects begin with, with the dot behind it.
    prefix: String,
    /// What subjects of messages to store begin with: nothing, unless there is a domain.
    outside: String,
    timeout: Duration,
}

/// Why a request has no good answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server refused it, and nothing happened.
    Refused(Refusal),
    /// It was not sent, or reached nothing that could act on it.
    Unreachable(Failure),
    /// It was sent, and no answer came in time.
    Unanswered(Failure),
}

/// A server's refusal.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refusal {
    /// As in HTTP.
    #[serde(default)]
    pub(crate) code: u16,
    /// Which error it is.
    #[serde(default, rename = "err_code")]
    pub(crate) number: u64,
    #[serde(default)]
    pub(crate) description: String,
}

/// An answer of the server: a refusal, or what was asked for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reply<T> {
    Refused { error: Refusal },
    Done(T),
}

/// What an account may use.
#[derive(Deserialize)]
pub(crate) struct Account {
    #[serde(default)]
    api: Level,
}

#[derive(Default, Deserialize)]
struct Level {
    #[serde(default)]
    level: u32,
}

// === impl Api ===

impl Api {
    pub(crate) fn new(client: Client, domain: Option<&str>, timeout: Duration) -> Self {
        let prefix = match domain {
            Some(domain) => format!("$JS.{domain}.API."),
            None => "$JS.API.".to_owned(),
        };
        Self {
            client,
            outside: domain.map_or_else(String::new, |_| prefix.clone()),
            prefix,
            timeout,
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The largest message that the server takes, headers included.
    pub(crate) fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    /// How long an answer is waited for.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The full subject of a request, such as `STREAM.INFO.KV_b`.
    pub(crate) fn subject(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Fails at once if there is no connection.
    pub(crate) fn check_connection(&self) -> Result<(), Fault> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => {
                Err(Fault::Unreachable("there is no connection to NATS".into()))
            }
        }
    }

    /// Asks by JSON, and reads the answer as JSON.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        name: &str,
        body: &serde_json::Value,
    ) -> Result<T, Fault> {
        let body = match body {
            serde_json::Value::Null => Bytes::new(),
            body => body.to_string().into(),
        };
        let reply = self.send(self.subject(name), None, body).await?;
        read(&reply.payload)
    }

    /// Asks for a message itself, by its subject or by JSON.
    pub(crate) async fn ask_directly(&self, name: &str, body: Bytes) -> Result<Message, Fault> {
        self.send(self.subject(name), None, body).await
    }

    /// Stores a message; the answer is the server's acknowledgement.
    pub(crate) async fn publish<T: DeserializeOwned>(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<T, Fault> {
        let reply = self
            .send(self.stored(subject), Some(headers), payload)
            .await?;
        read(&reply.payload)
    }

    /// The subject to which a message is published that is to be stored with this one.
    pub(crate) fn stored(&self, subject: &str) -> String {
        format!("{}{subject}", self.outside)
    }

    async fn send(
        &self,
        subject: String,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<Message, Fault> {
        self.check_connection()?;
        let mut request = Request::new().payload(payload).timeout(Some(self.timeout));
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        self.client
            .send_request(subject, request)
            .await
            .map_err(|error| match error.kind() {
                RequestErrorKind::NoResponders => {
                    Fault::Unreachable("no JetStream server answers for the bucket".into())
                }
                RequestErrorKind::TimedOut => {
                    Fault::Unanswered("NATS has not answered in time".into())
                }
                RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::InvalidSubject => {
                    Fault::Refused(Refusal {
                        code: 400,
                        number: 0,
                        description: error.to_string(),
                    })
                }
                RequestErrorKind::Other => {
                    Fault::Unanswered(Failure::caused_by("the connection to NATS broke", error))
                }
            })
    }
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Fault> {
    match serde_json::from_slice(payload) {
        Ok(Reply::Done(done)) => Ok(done),
        Ok(Reply::Refused { error }) => Err(Fault::Refused(error)),
        Err(error) => Err(Fault::Unanswered(Failure::caused_by(
            "NATS answered what is not understood",
            error,
        ))),
    }
}

// === impl Account ===

impl Account {
    /// Which requests the server understands: 1 since NATS 2.11, 2 since 2.12, 0 before.
    pub(crate) fn api_level(&self) -> u32 {
        self.api.level
    }
}

// === impl Fault ===

impl Fault {
    /// The number of the server's error.
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Refused(refusal) => Some(refusal.number),
            _ => None,
        }
    }
}

impl From<Fault> for Error {
    /// For requests that change nothing, or that are not repeated.
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(Refusal { description, .. }) => {
                Self::Unavailable(Failure::new(format!("NATS refused: {description}")))
            }
            Fault::Unreachable(failure) | Fault::Unanswered(failure) => Self::Unavailable(failure),
        }
    }
}
