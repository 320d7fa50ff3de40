//! Reads of a message by its sequence.
//!
//! Any server of a stream answers exactly, or that it has no such message: it is overwritten, or has
//! not reached that server yet.

use bytes::Bytes;
use keywell_store::{Failure, Result};
use serde::Deserialize;
use serde_json::json;

use crate::jetstream::api::{Api, Fault};
use crate::jetstream::message::{LeaderMessage, Stored};
use crate::jetstream::stream::Stream;

/// The server's error for a sequence without a message.
const NO_MESSAGE: u64 = 10_037;

#[derive(Deserialize)]
struct Found {
    message: LeaderMessage,
}

/// The message at a sequence, if there is one.
pub(super) async fn at(api: &Api, stream: &Stream, sequence: u64) -> Result<Option<Stored>, Fault> {
    let body = json!({ "seq": sequence });
    let unreadable = || Fault::Unanswered("NATS answered what is not understood".into());
    let stream_name = stream.names.stream();
    let found = if stream.is_direct {
        let name = format!("DIRECT.GET.{stream_name}");
        let body = Bytes::from(body.to_string());
        let reply = api.ask_directly(&name, body).await?;
        match reply.status.map(|status| status.as_u16()) {
            None | Some(200) => Stored::direct(reply).ok_or_else(unreadable)?,
            Some(404) => return Ok(None),
            Some(_) => {
                let reason = reply.description.unwrap_or_default();
                let what = format!("NATS refused to read: {reason}");
                return Err(Fault::Unreachable(Failure::new(what)));
            }
        }
    } else {
        match api
            .ask(&format!("STREAM.MSG.GET.{stream_name}"), &body)
            .await
        {
            Ok(Found { message }) => Stored::of_leader(message).ok_or_else(unreadable)?,
            Err(fault) if fault.number() == Some(NO_MESSAGE) => return Ok(None),
            Err(fault) => return Err(fault),
        }
    };
    Ok(Some(found).filter(|found| found.sequence == sequence))
}
