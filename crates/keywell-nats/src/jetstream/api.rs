//! Requests to `JetStream`, and what their failures mean.
//!
//! Nothing is sent while there is no connection: the client would keep it and send it later, after
//! its caller was answered that nothing happened. A connection that was lost less than a second ago is
//! waited for until then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::{Client, HeaderMap, Message, Subscriber};
use bytes::Bytes;
use keywell_store::{Error, Failure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::unsound::Unsound;
use crate::link::{Link, Loss};

/// Sends requests to the `JetStream` of one account, maybe in a domain.
#[derive(Clone)]
pub(crate) struct Api {
    link: Arc<Link>,
    /// Messages that end the connection of whoever receives them.
    unsound: Arc<Unsound>,
    /// What its subjects begin with, with the dot behind it.
    prefix: String,
    /// What subjects of messages to store begin with: nothing, unless there is a domain.
    outside: String,
    timeout: Duration,
    is_closed: Arc<AtomicBool>,
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
    /// It was sent, and the connection broke before the answer came.
    Broken,
}

/// A server's refusal.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refusal {
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
    pub(crate) fn new(link: Arc<Link>, domain: Option<&str>, timeout: Duration) -> Self {
        let prefix = match domain {
            Some(domain) => format!("$JS.{domain}.API."),
            None => "$JS.API.".to_owned(),
        };
        Self {
            link,
            unsound: Arc::default(),
            outside: domain.map_or_else(String::new, |_| prefix.clone()),
            prefix,
            timeout,
            is_closed: Arc::default(),
        }
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(crate) fn unsound(&self) -> &Unsound {
        &self.unsound
    }

    /// The client, to send something by, and what notices that its connection is lost. Fails if there
    /// is no connection.
    pub(crate) async fn client(&self) -> Result<(Arc<Client>, Loss), Fault> {
        loop {
            if self.is_closed() {
                return Err(Fault::Unreachable("the store was closed".into()));
            }
            let client = self.link.connected().await;
            let client = client
                .ok_or_else(|| Fault::Unreachable("there is no connection to NATS".into()))?;
            let loss = self.link.loss();
            // Else it was lost before that.
            if self
                .link
                .client()
                .is_some_and(|now| Arc::ptr_eq(&now, &client))
            {
                return Ok((client, loss));
            }
        }
    }

    /// Waits until the connection that broke is made again, as long as for an answer.
    pub(crate) async fn recover(&self, mut loss: Loss) -> Result<(), Fault> {
        let limit = Instant::now() + self.timeout;
        let broken = || Fault::Unreachable("the connection to NATS broke".into());
        let noted = timeout_at(limit, loss.happened()).await;
        noted.map_err(|_| broken())?;
        let client = self.link.connected_by(limit).await;
        client.map(drop).ok_or_else(broken)
    }

    /// The largest message that the server takes, headers included.
    pub(crate) fn max_payload(&self) -> usize {
        self.link.max_payload()
    }

    /// How long an answer is waited for.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The full subject of a request, such as `STREAM.INFO.KV_b`.
    pub(crate) fn subject(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Takes no more requests, from any clone.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// What the account may use.
    pub(crate) async fn account(&self) -> Result<Account, Fault> {
        self.ask("INFO", &serde_json::Value::Null).await
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

    /// Asks for several messages. The caller knows the end of the answer.
    pub(crate) async fn ask_for_many(&self, name: &str, body: Bytes) -> Result<Subscriber, Fault> {
        let (client, _) = self.client().await?;
        let inbox = client.new_inbox();
        let replies = client.subscribe(inbox.clone()).await.map_err(broken)?;
        let sent = client.publish_with_reply(self.subject(name), inbox, body);
        sent.await.map_err(broken)?;
        Ok(replies)
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
        read(&reply.payload).map_err(Fault::of_write)
    }

    /// Sends the first message of a batch. What is left to do if the server takes it is nothing: it
    /// waits for the next one, and forgets the batch if none comes.
    pub(crate) async fn open_batch(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), Fault> {
        let reply = self.send(self.stored(subject), Some(headers), payload);
        match reply.await {
            Ok(reply) if reply.payload.is_empty() => Ok(()),
            Ok(reply) => read::<serde::de::IgnoredAny>(&reply.payload).map(drop),
            // Without its commit nothing of a batch is stored.
            Err(fault) => Err(match fault.doubt() {
                Ok(failure) => Fault::Unreachable(failure),
                Err(fault) => fault,
            }),
        }
    }

    /// Sends a further message of a batch, but not the last. It is not acknowledged.
    pub(crate) async fn add_to_batch(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), Fault> {
        let (client, _) = self.client().await?;
        let subject = self.stored(subject);
        let sent = client.publish_with_headers(subject, headers, payload);
        sent.await
            .map_err(|error| Fault::Unreachable(Failure::caused_by("NATS took no batch", error)))
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
        let (client, mut loss) = self.client().await?;
        let mut request = Request::new().payload(payload).timeout(Some(self.timeout));
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        let answer = tokio::select! {
            biased;
            answer = client.send_request(subject, request) => answer,
            // The client itself would wait for an answer on the next connection.
            () = loss.happened() => return Err(Fault::Broken),
        };
        answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => {
                Fault::Unreachable("no JetStream server answers for the bucket".into())
            }
            RequestErrorKind::TimedOut => Fault::Unanswered("NATS has not answered in time".into()),
            RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::InvalidSubject => {
                Fault::Refused(Refusal {
                    number: 0,
                    description: error.to_string(),
                })
            }
            RequestErrorKind::Other => broken(error),
        })
    }
}

/// The task of the client has ended.
pub(crate) fn broken(error: impl std::error::Error) -> Fault {
    tracing::debug!("the connection to NATS broke: {error}");
    Fault::Broken
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
    /// For writes: a server whose store fails may refuse what other servers of the stream have taken,
    /// unless it says that the write is past a bound.
    pub(crate) fn of_write(self) -> Self {
        const STORE_FAILED: u64 = 10_077;
        match self {
            Self::Refused(refusal)
                if refusal.number == STORE_FAILED && !refusal.description.contains("maximum") =>
            {
                let what = format!("NATS could not store it: {}", refusal.description);
                Self::Unanswered(Failure::new(what))
            }
            fault => fault,
        }
    }

    /// Why it is not known whether a request took effect; the fault itself if that is known.
    pub(crate) fn doubt(self) -> Result<Failure, Self> {
        match self {
            Self::Unanswered(failure) => Ok(failure),
            Self::Broken => Ok("the connection to NATS broke".into()),
            fault => Err(fault),
        }
    }

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
            Fault::Broken => Self::Unavailable("the connection to NATS broke".into()),
        }
    }
}
