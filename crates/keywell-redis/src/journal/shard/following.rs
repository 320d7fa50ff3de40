//! How watches read a shard: where they begin, what follows, and waiting for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use keywell_store::{Error, Failure, Invalid, Result};
use redis::{ServerError, Value};

use super::super::position::{Nonce, Position};
use super::super::record::Record;
use super::super::reply::{Elements, unexpected};
use super::super::scripts;
use super::Shard;
use crate::link::{Effect, Post, Switches, refusal};
use crate::wire::command;

/// Consecutive events of the journal.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) records: VecDeque<Arc<Record>>,
    /// Whether there was nothing behind it.
    pub(crate) is_last: bool,
    /// How long it takes until the time of some key ends, if any has one.
    pub(crate) till_next: Option<Duration>,
}

/// A position as scripts take it; all empty for none.
#[derive(Default)]
struct PositionArguments([String; 3]);

fn compacted() -> Error {
    Error::Invalid(Invalid::Compacted)
}

fn nonce(text: &str) -> Result<Nonce> {
    text.parse()
        .map_err(|_| unexpected("a nonce is not one of a journal"))
}

// === impl Shard ===

impl Shard {
    /// The most events read at once, and the most bytes of them, save that a few are always read.
    const CHUNK_EVENTS: usize = 512;
    const CHUNK_BYTES: usize = 1 << 20;

    /// How often the times that are over are swept, 256 at a time, before a watch begins. What is
    /// still left then is delivered to the watch as it ends.
    const SWEEPS: usize = 1000;

    /// The end of the journal, where a watch may begin that goes on at `asked`, if it is asked to.
    ///
    /// # Errors
    ///
    /// [`Invalid::Token`] for a place in another journal, and [`Invalid::Compacted`] for one whose
    /// next event is kept no more, or which the server has lost.
    pub(crate) async fn begin(&self, asked: Option<Position>) -> Result<Position> {
        let asked = asked.map(PositionArguments::of).unwrap_or_default();
        for _ in 0..Self::SWEEPS {
            let arguments = asked.bytes();
            let begun = self.enter(Effect::Read, &scripts::BEGIN, &[], &arguments);
            let answered = begun.await?;
            match &*answered.word {
                "foreign" => return Err(Error::Invalid(Invalid::Token)),
                "compacted" => return Err(compacted()),
                _ => {}
            }
            let mut rest = answered.done()?;
            let last = Position {
                epoch: nonce(&rest.text()?)?,
                seq: rest.number()?,
                nonce: nonce(&rest.text()?)?,
            };
            let is_behind = rest.truth()?;
            rest.end()?;
            if !is_behind {
                return Ok(last);
            }
        }
        Err(Error::Unavailable(Failure::new(
            "the times of more keys end than can be swept",
        )))
    }

    /// The events after a place, some at a time, and when the next time ends. Ends those that are
    /// over.
    ///
    /// # Errors
    ///
    /// [`Invalid::Compacted`] if the next event is kept no more, or the place is not one of this
    /// journal any longer.
    pub(crate) async fn follow(&self, position: &Position) -> Result<Chunk> {
        let after = PositionArguments::of(*position);
        let events = Self::CHUNK_EVENTS.to_string();
        let bytes = Self::CHUNK_BYTES.to_string();
        let [epoch, seq, nonce] = after.bytes();
        let arguments = [epoch, seq, nonce, events.as_bytes(), bytes.as_bytes()];
        let answered = self.look(&scripts::FOLLOW, &arguments).await?;
        let answered = answered.ok_or_else(compacted)?;
        if answered.word == "compacted" {
            return Err(compacted());
        }
        let mut rest = answered.done()?;
        let last: u64 = rest.number()?;
        let now: u64 = rest.number()?;
        let soonest = rest.number_if_any()?;
        let mut events = rest.elements()?;
        rest.end()?;
        let mut records = VecDeque::with_capacity(events.len());
        let mut position = *position;
        while events.len() > 0 {
            let record = Record::read(events.value()?)?;
            if !record.follows(&position) {
                break;
            }
            position = record.position(&position);
            records.push_back(Arc::new(record));
        }
        if records.is_empty() && position.seq < last {
            return Err(compacted());
        }
        Ok(Chunk {
            records,
            is_last: position.seq == last,
            // A key is there during the millisecond of its deadline.
            till_next: soonest.map(|due| Duration::from_millis((due + 1).saturating_sub(now))),
        })
    }

    /// A connection to wait on.
    pub(crate) async fn post(&self) -> Result<Post> {
        self.link.post(self.space.stream()).await
    }

    /// What hears from sentinels that there is another primary, if there are any, while nothing is
    /// called from which that could be learnt.
    pub(crate) fn switches(&self) -> Option<Arc<Switches>> {
        self.link.switches()
    }

    /// Waits for an event after a place, so long at most. Answers the first one.
    pub(crate) async fn wait(
        &self,
        post: &mut Post,
        position: &Position,
        longest: Duration,
    ) -> Result<Option<Record>> {
        let stream = self.space.stream();
        // No time at all would be for ever.
        let block = longest.as_millis().max(1).to_string();
        let after = format!("{}-0", position.seq);
        let wait = command(&[
            b"XREAD",
            b"COUNT",
            b"1",
            b"BLOCK",
            block.as_bytes(),
            b"STREAMS",
            stream.as_bytes(),
            after.as_bytes(),
        ]);
        let within = longest + 2 * self.link.answer_timeout();
        let reply = post.call(&wait, within).await;
        let lost = |error| Failure::caused_by("waiting for events", error);
        match reply.map_err(|error| Error::Unavailable(lost(error)))? {
            Value::Nil => Ok(None),
            Value::ServerError(error) => Err(self.not_here(&error).await),
            reply => {
                let mut stream = Elements::of(reply)?.elements()?;
                stream.value()?;
                stream.elements()?.value().and_then(Record::read).map(Some)
            }
        }
    }

    /// Why a server does not let us wait: for most reasons, another one does.
    async fn not_here(&self, error: &ServerError) -> Error {
        if error.code() == "MOVED" {
            self.link.refresh().await;
        }
        match refusal(error) {
            fatal @ (Error::AccessDenied(_) | Error::Corrupt(_)) => fatal,
            other => Error::Unavailable(Failure::caused_by("waiting for events", other)),
        }
    }
}

// === impl PositionArguments ===

impl PositionArguments {
    fn of(position: Position) -> Self {
        Self([
            position.epoch.to_string(),
            position.seq.to_string(),
            position.nonce.to_string(),
        ])
    }

    fn bytes(&self) -> [&[u8]; 3] {
        self.0.each_ref().map(String::as_bytes)
    }
}
