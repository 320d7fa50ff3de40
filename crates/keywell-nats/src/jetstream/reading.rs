//! Reads of the last message of a key.
//!
//! They see every write that was acknowledged before. Where one server has the stream, it is asked
//! directly; where several do, only the leader of the stream is, as the others may lag behind. A
//! leader that was deposed and does not know it yet may answer what is older. A message at a sequence
//! is read from any server: it answers exactly, or that it has no such message. That is overwritten
//! then, or has not reached the server yet.
//!
//! A direct read whose connection breaks may have met a message that breaks it again and again, so
//! the leader is asked then; [`super::unsound`] says why.

use std::collections::HashMap;

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use keywell_store::{Error, Failure, Invalid, Result, ValueBytes};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::api::{Api, Fault};
use super::message::{Delivered, LeaderMessage, Stored, What};
use super::stream::Stream;

/// The most subjects of one direct read.
const MOST_SUBJECTS: usize = 1024;
/// After so many bytes a server ends the answer to a direct read of several.
const MOST_BYTES: usize = 4 << 20;
/// How many reads by the leader are in flight for one call.
const IN_FLIGHT: usize = 32;
/// How often the leader is asked where the connection breaks meanwhile.
const ATTEMPTS: usize = 4;
/// The most messages that are read one by one after an interruption.
const STEPS: usize = 64;
/// The server's error for a subject or a sequence without a message.
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
    if is_direct(stream) && !api.unsound().has(subject) {
        let name = format!("DIRECT.GET.{}.{subject}", stream.names.stream());
        if let Some(reply) = directly(api, &name, Bytes::new()).await? {
            return one(reply);
        }
    }
    of_leader(api, stream, subject).await
}

/// The last message of a subject, or of any that match it, by the stream's leader.
pub(crate) async fn of_leader(
    api: &Api,
    stream: &Stream,
    subject: &str,
) -> Result<Option<Stored>, Fault> {
    let read = by_leader(api, stream, &json!({ "last_by_subj": subject })).await?;
    Ok(read.map(|read| read.stored))
}

/// The message at a sequence, which was of a subject.
pub(crate) async fn at(
    api: &Api,
    stream: &Stream,
    subject: &str,
    sequence: u64,
) -> Result<Option<Stored>, Fault> {
    let asked = json!({ "seq": sequence });
    if stream.is_direct && !api.unsound().has(subject) {
        let name = format!("DIRECT.GET.{}", stream.names.stream());
        if let Some(reply) = directly(api, &name, asked.to_string().into()).await? {
            return Ok(one(reply)?.filter(|found| found.sequence == sequence));
        }
    }
    let read = by_leader(api, stream, &asked).await?;
    Ok(read.map(|read| read.stored))
}

/// The first message at or behind a sequence, by the stream's leader.
pub(crate) async fn first_from(
    api: &Api,
    stream: &Stream,
    sequence: u64,
) -> Result<Option<Delivered>, Fault> {
    let all = stream.names.all();
    let asked = json!({ "seq": sequence.max(1), "next_by_subj": all });
    by_leader(api, stream, &asked).await
}

/// What comes at and behind a sequence, by the stream's leader, up to the first message that every
/// reader takes. A reader that was interrupted goes on behind it, and so does not end there again.
pub(crate) async fn step_over(
    api: &Api,
    stream: &Stream,
    mut sequence: u64,
) -> Result<Vec<Delivered>, Fault> {
    let mut passed = Vec::new();
    while passed.len() < STEPS
        && let Some(next) = first_from(api, stream, sequence).await?
    {
        sequence = next.stored.sequence + 1;
        let is_sound = next.is_sound;
        passed.push(next);
        if is_sound {
            break;
        }
    }
    Ok(passed)
}

async fn by_leader(
    api: &Api,
    stream: &Stream,
    asked: &serde_json::Value,
) -> Result<Option<Delivered>, Fault> {
    let name = format!("STREAM.MSG.GET.{}", stream.names.stream());
    let mut attempt = 1;
    let answered = loop {
        let loss = api.link().loss();
        match api.ask(&name, asked).await {
            // By something else that was read at the same time.
            Err(Fault::Broken) if attempt < ATTEMPTS => attempt += 1,
            answered => break answered,
        }
        api.recover(loss).await?;
    };
    match answered {
        Ok(Answered { message }) => {
            let read = message.read().ok_or_else(unreadable)?;
            let Stored {
                subject, sequence, ..
            } = &read.stored;
            api.unsound().note(subject, *sequence, read.is_sound);
            Ok(Some(read))
        }
        Err(fault) if fault.number() == Some(NO_MESSAGE) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Reads directly; `None` if the leader has to be asked: the connection broke, and is there again, or
/// there is no answer. A message may have the status of one that nobody answers.
async fn directly(api: &Api, name: &str, body: Bytes) -> Result<Option<Message>, Fault> {
    let loss = api.link().loss();
    match api.ask_directly(name, body).await {
        Err(Fault::Broken) => {
            api.recover(loss).await?;
            Ok(None)
        }
        Err(Fault::Unreachable(_)) => Ok(None),
        reply => reply.map(Some),
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
    let mut left = subjects;
    let mut is_broken = false;
    if is_direct(stream) && left.len() > 1 {
        let room = api.max_payload() / 2;
        let (unsound, mut sound): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|subject| api.unsound().has(subject));
        left = unsound;
        while !sound.is_empty() {
            let mut bytes = 0;
            let some = sound.iter().take(MOST_SUBJECTS).take_while(|subject| {
                bytes += subject.len() + 3;
                bytes <= room
            });
            let count = some.count().max(1);
            let mut asked: Vec<String> = sound.drain(..count).collect();
            // What is left of an answer that ended early is asked for again, without what came.
            loop {
                let end = several(api, stream, &asked, |stored| {
                    admit(&stored)?;
                    found.insert(stored.subject.clone(), stored);
                    Ok(())
                });
                let end = end.await?;
                asked.retain(|subject| !found.contains_key(subject));
                match end {
                    End::All => break,
                    End::Early if asked.is_empty() => break,
                    End::Early => {}
                    End::Broken => {
                        is_broken = true;
                        left.append(&mut asked);
                        left.append(&mut sound);
                        break;
                    }
                }
            }
        }
    }
    let each = left.into_iter().map(|subject| async move {
        if is_broken {
            return of_leader(api, stream, &subject).await;
        }
        last(api, stream, &subject).await
    });
    let mut each = futures::stream::iter(each).buffer_unordered(IN_FLIGHT);
    while let Some(stored) = each.try_next().await? {
        let Some(stored) = stored else { continue };
        admit(&stored)?;
        found.insert(stored.subject.clone(), stored);
    }
    Ok(found)
}

/// How the answer to a direct read of several ended.
enum End {
    All,
    /// There is more to ask for.
    Early,
    /// The connection broke, and is there again.
    Broken,
}

/// Reads several directly.
async fn several(
    api: &Api,
    stream: &Stream,
    subjects: &[String],
    mut take: impl FnMut(Stored) -> Result<()>,
) -> Result<End> {
    let name = format!("DIRECT.GET.{}", stream.names.stream());
    let body = json!({ "multi_last": subjects, "max_bytes": MOST_BYTES });
    let mut loss = api.link().loss();
    let mut replies = api.ask_for_many(&name, body.to_string().into()).await?;
    loop {
        let reply = tokio::select! {
            biased;
            reply = timeout(api.timeout(), replies.next()) => reply,
            () = loss.happened() => Ok(None),
        };
        let reply = reply.map_err(|_| Fault::Unanswered("NATS has not answered in time".into()))?;
        let Some(reply) = reply else {
            api.recover(loss).await?;
            return Ok(End::Broken);
        };
        let is_end = reply.status.is_some_and(|status| status.as_u16() == 204);
        if is_end && !Stored::is_in(&reply) {
            let is_all = number(reply.headers.as_ref(), "Nats-Num-Pending") == 0;
            return Ok(if is_all { End::All } else { End::Early });
        }
        match one(reply)? {
            Some(stored) => take(stored)?,
            None => return Ok(End::All),
        }
    }
}

/// Whether this stream is read from whichever server answers.
fn is_direct(stream: &Stream) -> bool {
    stream.is_direct && stream.replicas == 1
}

fn one(reply: Message) -> Result<Option<Stored>, Fault> {
    if Stored::is_in(&reply) {
        return Stored::direct(reply).map(Some).ok_or_else(unreadable);
    }
    match reply.status.map(|status| status.as_u16()) {
        None | Some(200) => Err(unreadable()),
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
