//! A reader of a stream in the order of its messages.
//!
//! It asks for a number of messages at a time, so that what waits for it here is bounded. Where it
//! lost its place, because a server ended or a message went missing, it fails, and its owner opens
//! another behind the last message that it got.

use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures::{FutureExt as _, StreamExt as _};
use keywell_store::Failure;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::api::{Api, Fault};
use super::message::{Delivered, Stored};
use super::stream::{Stream, nanos};
use crate::link::Loss;

/// How many messages are asked for at a time.
const BATCH: usize = 512;
/// After so many bytes an answer ends.
const BATCH_BYTES: usize = 4 << 20;
/// How long a request for messages waits for some.
const EXPIRES: Duration = Duration::from_secs(20);
/// How often a server says that it still waits.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How often messages are asked for that should be there.
const ATTEMPTS: usize = 8;
/// A reader that asked for nothing for so long is forgotten by the server.
const FORGOTTEN: Duration = Duration::from_mins(1);

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the last message of each subject.
    LastOfEach,
    /// At this sequence, or the first after it.
    At(u64),
}

/// Which messages are read.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) start: Start,
    /// Those of subjects that match one of these.
    pub(crate) subjects: Vec<String>,
    /// Whether values are left out.
    pub(crate) is_brief: bool,
}

/// Reads a stream.
pub(crate) struct Consumer {
    api: Api,
    stream: String,
    name: String,
    inbox: String,
    replies: Subscriber,
    /// Of the connection on which it was opened.
    loss: Loss,
    /// How many messages were asked for and have not come.
    asked: usize,
    /// How many there were behind the last one that came.
    left: u64,
    /// Whether the server has said that there is no more.
    is_at_end: bool,
    /// How many have come.
    count: u64,
    largest: usize,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Next {
    /// A message.
    Message(Delivered),
    /// There is none for now.
    Idle,
    /// The answer ended, and there may be more.
    Ended,
}

/// What the subject says at which a message could be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AckSubject {
    sequence: u64,
    /// The number of the message among those of this reader.
    number: u64,
    nanos: u64,
    left: u64,
}

#[derive(Deserialize)]
struct Created {
    num_pending: u64,
}

// === impl Consumer ===

impl Consumer {
    pub(crate) async fn open(
        api: &Api,
        stream: &Stream,
        selection: Selection,
    ) -> Result<Self, Fault> {
        let (client, loss) = api.client().await?;
        let inbox = client.new_inbox();
        // Before the reader is known to the server, so that nothing of it is missed.
        let replies = client.subscribe(inbox.clone()).await;
        let replies = replies.map_err(super::api::broken)?;
        let name = format!("keywell-{:016x}", rand::random::<u64>());
        let stream = stream.names.stream().to_owned();
        let mut config = json!({
            "name": name,
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": true,
            "num_replicas": 1,
            "inactive_threshold": nanos(FORGOTTEN),
            "filter_subjects": selection.subjects,
            "headers_only": selection.is_brief,
        });
        match selection.start {
            Start::LastOfEach => config["deliver_policy"] = json!("last_per_subject"),
            Start::At(sequence) => {
                config["deliver_policy"] = json!("by_start_sequence");
                config["opt_start_seq"] = json!(sequence.max(1));
            }
        }
        let request = json!({ "stream_name": stream, "config": config, "action": "create" });
        let create = format!("CONSUMER.CREATE.{stream}.{name}");
        let Created { num_pending } = api.ask(&create, &request).await?;
        Ok(Self {
            largest: api.max_payload(),
            api: api.clone(),
            stream,
            name,
            inbox,
            replies,
            loss,
            asked: 0,
            left: num_pending,
            is_at_end: false,
            count: 0,
        })
    }

    /// The next message that is there, or that there is none.
    pub(crate) async fn next_stored(&mut self) -> Result<Next, Fault> {
        let patience = self.api.timeout();
        let mut attempts = 0;
        loop {
            if self.asked == 0 {
                self.ask(json!({ "no_wait": true })).await?;
            }
            self.is_at_end = false;
            match self.receive(patience).await? {
                Next::Ended => {}
                // The server still waits, for an earlier request.
                Next::Idle if !self.is_at_end => {}
                // The count of what is left is not exact while keys are written, so that only the
                // server's word is an end.
                Next::Idle if self.left > 0 && attempts < ATTEMPTS => attempts += 1,
                next => return Ok(next),
            }
        }
    }

    /// The next message, once there is one. Answers from time to time that there is none.
    ///
    /// To drop the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Next, Fault> {
        loop {
            if self.asked == 0 {
                let times =
                    json!({ "expires": nanos(EXPIRES), "idle_heartbeat": nanos(HEARTBEAT) });
                self.ask(times).await?;
            }
            match self.receive(HEARTBEAT * 3).await? {
                Next::Ended => {}
                next => return Ok(next),
            }
        }
    }

    /// The next message, if it is here already.
    pub(crate) fn received(&mut self) -> Option<Result<Next, Fault>> {
        if self.asked == 0 {
            return None;
        }
        let message = self.replies.next().now_or_never()?;
        Some(self.read(message))
    }

    async fn ask(&mut self, mut request: serde_json::Value) -> Result<(), Fault> {
        request["batch"] = json!(BATCH);
        // One that is smaller than a message would be refused.
        request["max_bytes"] = json!(BATCH_BYTES.max(2 * self.largest));
        let name = format!("CONSUMER.MSG.NEXT.{}.{}", self.stream, self.name);
        let client = self.api.link().client().ok_or(Fault::Broken)?;
        // From here on, so that a caller who gives up meanwhile does not make it two.
        self.asked = BATCH;
        let (subject, inbox) = (self.api.subject(&name), self.inbox.clone());
        let sent = client.publish_with_reply(subject, inbox, request.to_string().into());
        sent.await.map_err(super::api::broken)
    }

    async fn receive(&mut self, patience: Duration) -> Result<Next, Fault> {
        let message = tokio::select! {
            // First what came before the connection was lost.
            biased;
            message = timeout(patience, self.replies.next()) => message,
            () = self.loss.happened() => return Err(Fault::Broken),
        };
        let message =
            message.map_err(|_| Fault::Unanswered("NATS has not answered in time".into()))?;
        self.read(message)
    }

    fn read(&mut self, message: Option<Message>) -> Result<Next, Fault> {
        let message = message.ok_or(Fault::Broken)?;
        // A stored message has whatever status its writer gave it.
        let is_stored = message
            .reply
            .as_deref()
            .and_then(AckSubject::parse)
            .is_some();
        let status = message.status.filter(|_| !is_stored);
        let Some(status) = status.filter(|status| status.as_u16() != 200) else {
            return self.deliver(message).map(Next::Message);
        };
        let description = message.description.unwrap_or_default();
        match status.as_u16() {
            100 => Ok(Next::Idle),
            // There was none, or the request has waited for long enough.
            404 | 408 => {
                self.asked = 0;
                self.is_at_end = true;
                Ok(Next::Idle)
            }
            409 if description.contains("Batch Completed") || description.contains("MaxBytes") => {
                self.asked = 0;
                Ok(Next::Ended)
            }
            _ => {
                let what = format!("NATS ended a reader of the bucket: {description}");
                Err(Fault::Unreachable(Failure::new(what)))
            }
        }
    }

    fn deliver(&mut self, message: Message) -> Result<Delivered, Fault> {
        let ack = message.reply.as_deref().and_then(AckSubject::parse);
        let Some(ack) = ack.filter(|ack| ack.number == self.count + 1) else {
            return Err(Fault::Unanswered("a message of NATS went missing".into()));
        };
        self.count += 1;
        self.left = ack.left;
        self.is_at_end = false;
        self.asked = self.asked.saturating_sub(1);
        let subject = message.subject.as_str().to_owned();
        let headers = message.headers.unwrap_or_default();
        Ok(Delivered {
            stored: Stored::new(subject, ack.sequence, &headers, message.payload),
            at: ack.nanos / 1_000_000,
            is_last: ack.left == 0,
            is_sound: true,
        })
    }

    /// Has the server forget it.
    pub(crate) async fn close(self) {
        let name = format!("CONSUMER.DELETE.{}.{}", self.stream, self.name);
        let subject = self.api.subject(&name);
        // The server forgets it anyway, later.
        if let Some(client) = self.api.link().client() {
            drop(client.publish(subject, "".into()).await);
        }
    }
}

// === impl AckSubject ===

impl AckSubject {
    /// Reads `$JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.TIMES.SEQUENCE.NUMBER.NANOS.LEFT[.TOKEN]`.
    fn parse(subject: &str) -> Option<Self> {
        let parts: Vec<&str> = subject.strip_prefix("$JS.ACK.")?.split('.').collect();
        let rest = match parts.len() {
            7 => &parts[2..],
            9.. => &parts[4..],
            _ => return None,
        };
        let number = |at: usize| rest.get(at)?.parse().ok();
        Some(Self {
            sequence: number(1)?,
            number: number(2)?,
            nanos: number(3)?,
            left: number(4)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_subject_is_read_with_and_without_a_domain() {
        let ack = AckSubject {
            sequence: 5,
            number: 3,
            nanos: 9,
            left: 8,
        };
        for subject in [
            "$JS.ACK.KV_b.c.1.5.3.9.8",
            "$JS.ACK.hub.acc.KV_b.c.1.5.3.9.8",
            "$JS.ACK._.acc.KV_b.c.1.5.3.9.8.token",
        ] {
            assert_eq!(AckSubject::parse(subject), Some(ack), "{subject}");
        }
        for subject in ["", "_INBOX.a", "$JS.ACK.KV_b.c.1.x.3.9.0", "$JS.ACK.a"] {
            assert_eq!(AckSubject::parse(subject), None, "{subject}");
        }
    }
}
