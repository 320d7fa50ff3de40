//! Reads of the last message of a key.
//!
//! They see every write that was acknowledged before. Where one server has the stream, it is asked
//! directly; where several do, only the leader of the stream is, as the others may lag behind. A
//! leader that was deposed and does not know it yet may answer what is older.

use std::collections::HashMap;

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use keywell_store::{Error, Failure, Invalid, Result, ValueBytes};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::api::{Api, Fault};
use super::message::{LeaderMessage, Stored, What};
use super::stream::Stream;

/// The most subjects of one direct read.
const MOST_SUBJECTS: usize = 1024;
/// After so many bytes a server ends the answer to a direct read of several.
const MOST_BYTES: usize = 4 << 20;
/// How many reads by the leader are in flight for one call.
const IN_FLIGHT: usize = 32;
/// The server's error for a subject without a message.
const NO_MESSAGE: u64 = 10_037;

/// The last messages of subjects, by subject.
pub(crate) type Found = HashMap<String, Stored>;

/// An answer of the leader.
#[derive(Deserialize)]
struct Answered {
    message: LeaderMessage,
}

/// The last message of a subject.
pub(crate) async fn last(
    api: &Api,
    stream: &Stream,
    subject: &str,
) -> Result<Option<Stored>, Fault> {
    if is_direct(stream) {
        let name = format!("DIRECT.GET.{}.{subject}", stream.names.stream());
        let reply = api.ask_directly(&name, Bytes::new()).await?;
        return one(reply);
    }
    of_leader(api, stream, subject).await
}

/// The last message of a subject, or of any that match it, by the stream's leader.
pub(crate) async fn of_leader(
    api: &Api,
    stream: &Stream,
    subject: &str,
) -> Result<Option<Stored>, Fault> {
    let name = format!("STREAM.MSG.GET.{}", stream.names.stream());
    match api.ask(&name, &json!({ "last_by_subj": subject })).await {
        Ok(Answered { message }) => {
            let stored = Stored::of_leader(message);
            stored.map(Some).ok_or_else(unreadable)
        }
        Err(fault) if fault.number() == Some(NO_MESSAGE) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The last messages of subjects, each once, for a caller that can hold values of at most `max`
/// bytes together.
pub(crate) async fn last_of_each(
    api: &Api,
    stream: &Stream,
    subjects: Vec<String>,
    max: usize,
) -> Result<Found> {
    let mut found = HashMap::with_capacity(subjects.len());
    let mut bytes = ValueBytes::new(max);
    let mut admit = move |stored: &Stored| {
        let What::Value { value, .. } = &stored.what else {
            return Ok(());
        };
        let length = value.len();
        if length > max {
            return Err(Error::from(Invalid::ValueTooLarge { bytes: length, max }));
        }
        bytes.add(length)
    };
    if !is_direct(stream) || subjects.len() == 1 {
        let each = subjects
            .into_iter()
            .map(|subject| async move { last(api, stream, &subject).await });
        let mut each = futures::stream::iter(each).buffer_unordered(IN_FLIGHT);
        while let Some(stored) = each.try_next().await? {
            let Some(stored) = stored else { continue };
            admit(&stored)?;
            found.insert(stored.subject.clone(), stored);
        }
        return Ok(found);
    }
    let mut left = subjects;
    while !left.is_empty() {
        let room = api.max_payload() / 2;
        let mut bytes = 0;
        let some = left.iter().take(MOST_SUBJECTS).take_while(|subject| {
            bytes += subject.len() + 3;
            bytes <= room
        });
        let count = some.count().max(1);
        let mut asked: Vec<String> = left.drain(..count).collect();
        // What is left of an answer that ended early is asked for again, without what came.
        while !asked.is_empty() {
            let is_all = directly(api, stream, &asked, |stored| {
                admit(&stored)?;
                found.insert(stored.subject.clone(), stored);
                Ok(())
            })
            .await?;
            if is_all {
                break;
            }
            asked.retain(|subject| !found.contains_key(subject));
        }
    }
    Ok(found)
}

/// Reads several directly; answers whether all came.
async fn directly(
    api: &Api,
    stream: &Stream,
    subjects: &[String],
    mut take: impl FnMut(Stored) -> Result<()>,
) -> Result<bool> {
    let name = format!("DIRECT.GET.{}", stream.names.stream());
    let body = json!({ "multi_last": subjects, "max_bytes": MOST_BYTES });
    let mut replies = api.ask_for_many(&name, body.to_string().into()).await?;
    loop {
        let reply = timeout(api.timeout(), replies.next()).await;
        let reply = reply
            .map_err(|_| Fault::Unanswered("NATS has not answered in time".into()))?
            .ok_or_else(|| Fault::Unanswered("the connection to NATS broke".into()))?;
        match reply.status.map(|status| status.as_u16()) {
            // The end of the answer.
            Some(204) => return Ok(number(reply.headers.as_ref(), "Nats-Num-Pending") == 0),
            _ => match one(reply)? {
                Some(stored) => take(stored)?,
                None => return Ok(true),
            },
        }
    }
}

/// Whether this stream is read from whichever server answers.
fn is_direct(stream: &Stream) -> bool {
    stream.is_direct && stream.replicas == 1
}

fn one(reply: Message) -> Result<Option<Stored>, Fault> {
    match reply.status.map(|status| status.as_u16()) {
        None | Some(200) => Stored::direct(reply).map(Some).ok_or_else(unreadable),
        Some(404) => Ok(None),
        Some(_) => {
            let reason = reply.description.unwrap_or_default();
            let what = format!("NATS refused to read: {reason}");
            Err(Fault::Unreachable(Failure::new(what)))
        }
    }
}

fn number(headers: Option<&HeaderMap>, name: &str) -> u64 {
    let value = headers.and_then(|headers| headers.get(name));
    value
        .and_then(|value| value.as_str().parse().ok())
        .unwrap_or(0)
}

fn unreadable() -> Fault {
    Fault::Unanswered("NATS answered what is not understood".into())
}
