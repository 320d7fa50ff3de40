use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use keywell_store::{
    BucketName, Change, Entry, Error, Expected, Failure, Invalid, MAX_PAGE_BYTES, Result, Swap,
    Version,
};
use redis::{ServerError, Value};

use super::page::{Range, Run};
use super::position::{Nonce, Position};
use super::record::Record;
use super::registry::Registry;
use super::reply::{Elements, unexpected};
use super::scripts;
use super::settings::Settings;
use super::space::Space;
use crate::link::{Effect, Link, Route, Script, refusal};
use crate::wire::{Dedicated, command};

/// A part of a bucket, in one slot of a cluster: what is done to it is one script each.
pub(crate) struct Shard {
    link: Link,
    registry: Registry,
    bucket: BucketName,
    space: Space,
    settings: Settings,
    is_closed: Arc<AtomicBool>,
}

/// A stretch of the journal, each event of which follows the one before it.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) records: VecDeque<Arc<Record>>,
    /// Whether there was nothing behind it.
    pub(crate) is_last: bool,
    /// How long it takes until the time of some key ends, if any has one.
    pub(crate) till_next: Option<Duration>,
}

/// What a script that may write has answered: a word, and what belongs to it.
struct Answered {
    word: String,
    rest: Elements,
}

pub(crate) fn closed() -> Error {
    Error::Unavailable(Failure::new("the store is closed"))
}

fn compacted() -> Error {
    Error::Invalid(Invalid::Compacted)
}

// === impl Answered ===

impl Answered {
    fn read(reply: Value) -> Result<Self> {
        let mut rest = Elements::of(reply)?;
        let word = rest.text()?;
        Ok(Self { word, rest })
    }

    /// What belongs to `ok`.
    fn done(self) -> Result<Elements> {
        match &*self.word {
            "ok" => Ok(self.rest),
            _ => Err(unexpected("a script answered a word that it does not have")),
        }
    }
}

// === impl Shard ===

impl Shard {
    /// The most events read at once, and the most bytes of them, save that a few are always read.
    const CHUNK_EVENTS: usize = 512;
    const CHUNK_BYTES: usize = 1 << 20;

    /// How often the times that are over are swept, 256 at a time, before a watch begins. What is
    /// still left then is told to the watch as it ends.
    const SWEEPS: usize = 1000;

    pub(crate) fn new(
        link: &Link,
        registry: &Registry,
        bucket: &BucketName,
        space: Space,
        settings: Settings,
        is_closed: Arc<AtomicBool>,
    ) -> Self {
        Self {
            link: link.clone(),
            registry: registry.clone(),
            bucket: bucket.clone(),
            space,
            settings,
            is_closed,
        }
    }

    pub(crate) fn space(&self) -> &Space {
        &self.space
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Reads values and versions at one instant, in the order of the keys.
    pub(crate) async fn get(&self, keys: &[String]) -> Result<Vec<Option<Entry>>> {
        let versions = [self.space.versions()];
        let names: Vec<String> = keys.iter().map(|key| self.space.value(key)).collect();
        let skip = self.space.skip().to_string();
        let all = with(&versions, &names);
        let arguments = [skip.as_bytes()];
        let reply = self.read(&scripts::GET, &all, &arguments).await?;
        let mut parts = Elements::of(reply)?;
        let mut entries = Vec::with_capacity(keys.len());
        for _ in keys {
            entries.push(match (parts.optional()?, parts.optional()?) {
                (Some(value), Some(version)) => Some(Entry {
                    value,
                    version: Version::from(version),
                }),
                (None, None) => None,
                _ => return Err(unexpected("a value and its version came apart")),
            });
        }
        parts.end()?;
        Ok(entries)
    }

    pub(crate) async fn exists(&self, key: &str) -> Result<bool> {
        let names = [self.space.versions(), self.space.value(key)];
        let names = names.each_ref().map(String::as_bytes);
        let arguments = [key.as_bytes()];
        match self.read(&scripts::EXISTS, &names, &arguments).await? {
            Value::Int(number @ (0 | 1)) => Ok(number == 1),
            _ => Err(unexpected("whether a key exists is neither 0 nor 1")),
        }
    }

    /// Sets keys to values in one step, and answers the version of the last. `ttl` is in
    /// milliseconds.
    pub(crate) async fn set(
        &self,
        entries: &[(String, Bytes)],
        ttl: Option<u64>,
    ) -> Result<Version> {
        let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        let ttl = millis(ttl);
        let mut arguments = vec![ttl.as_bytes()];
        arguments.extend(entries.iter().map(|(_, value)| &value[..]));
        let mut rest = self
            .mutate(&scripts::SET, &keys, &arguments)
            .await?
            .done()?;
        let version = rest.bytes()?;
        rest.end()?;
        Ok(Version::from(version))
    }

    /// Deletes keys in one step.
    pub(crate) async fn delete(&self, keys: &[String]) -> Result<()> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.mutate(&scripts::DELETE, &keys, &[])
            .await?
            .done()?
            .end()
    }

    pub(crate) async fn swap(
        &self,
        key: &str,
        expected: &Expected,
        change: &Change,
        ttl: Option<u64>,
    ) -> Result<Swap> {
        // No version is a dash, so that of another store stands nowhere.
        let expected = match expected {
            Expected::Absent => &b""[..],
            Expected::At(version) => match version.as_bytes() {
                Some(version) if !version.is_empty() => &version[..],
                _ => &b"-"[..],
            },
        };
        let ttl = millis(ttl);
        let arguments = match change {
            Change::Set(value, _) => [expected, b"set", &value[..], ttl.as_bytes()],
            Change::Delete => [expected, b"delete", b"", b""],
        };
        let answered = self.mutate(&scripts::SWAP, &[key], &arguments).await?;
        if answered.word == "stale" {
            answered.rest.end()?;
            return Ok(Swap::Stale);
        }
        let mut rest = answered.done()?;
        let version = match change {
            Change::Set(..) => Some(Version::from(rest.bytes()?)),
            Change::Delete => None,
        };
        rest.end()?;
        Ok(Swap::Done(version))
    }

    pub(crate) async fn increment(&self, key: &str, delta: i64) -> Result<i64> {
        let delta = delta.to_string();
        let arguments = [delta.as_bytes()];
        let answered = self.mutate(&scripts::INCREMENT, &[key], &arguments).await?;
        let refused = match &*answered.word {
            "number" => Error::Invalid(Invalid::NotANumber),
            "overflow" => Error::Invalid(Invalid::Overflow),
            "type" => Error::Corrupt(Failure::new(
                "another program keeps something else than a string there",
            )),
            _ => {
                let mut rest = answered.done()?;
                let sum = rest.number()?;
                rest.end()?;
                return Ok(sum);
            }
        };
        answered.rest.end()?;
        Err(refused)
    }

    /// Some keys of a range, in order: at most `most` of them, and as many bytes as a page may
    /// have.
    pub(crate) async fn list(&self, range: &Range, most: usize) -> Result<Run> {
        let (most, most_bytes) = (most.to_string(), MAX_PAGE_BYTES.to_string());
        let arguments = [
            &range.first[..],
            &range.last[..],
            most.as_bytes(),
            most_bytes.as_bytes(),
        ];
        let answered = self.look(&scripts::LIST, &arguments).await?;
        let Some(answered) = answered else {
            return Ok(Run::default());
        };
        let mut rest = answered.done()?;
        let is_more = rest.truth()?;
        let last = rest.text()?;
        let mut found = rest.elements()?;
        rest.end()?;
        let mut keys = Vec::with_capacity(found.len());
        while found.len() > 0 {
            keys.push(found.text()?);
        }
        Ok(Run {
            keys,
            upto: is_more.then_some(last),
        })
    }

    /// How many keys there are.
    pub(crate) async fn count(&self) -> Result<i64> {
        let names = [self.space.index(), self.space.due()];
        let names = names.each_ref().map(String::as_bytes);
        match self.read(&scripts::COUNT, &names, &[]).await? {
            Value::Int(count) => Ok(count),
            _ => Err(unexpected("a count is no number")),
        }
    }

    /// Removes the journal if there is no key, and answers whether that is so.
    pub(crate) async fn forget(&self) -> Result<bool> {
        let names = self.space.head();
        let names = names.each_ref().map(String::as_bytes);
        let (effect, route) = (Effect::Write, Route::Key(names[0]));
        let forget = self
            .link
            .script(effect, route, &scripts::FORGET, &names, &[]);
        match forget.await? {
            Value::Int(number @ (0 | 1)) => Ok(number == 1),
            _ => Err(unexpected("whether a journal is gone is neither 0 nor 1")),
        }
    }

    /// The end of the journal, where a watch may begin that goes on at `asked`, if it is asked to.
    ///
    /// # Errors
    ///
    /// [`Invalid::Token`] for a place in another journal, and [`Invalid::Compacted`] for one whose
    /// next event is kept no more, or which the server has lost.
    pub(crate) async fn begin(&self, asked: Option<Position>) -> Result<Position> {
        let asked = asked.map(Place::of).unwrap_or_default();
        for _ in 0..Self::SWEEPS {
            let arguments = asked.arguments();
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
        let place = Place::of(*position);
        let events = Self::CHUNK_EVENTS.to_string();
        let bytes = Self::CHUNK_BYTES.to_string();
        let [epoch, seq, nonce] = place.arguments();
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
    pub(crate) async fn dedicated(&self) -> Result<Dedicated> {
        let stream = self.space.stream();
        self.link.dedicated(Route::Key(stream.as_bytes())).await
    }

    /// Waits for an event after a place, so long at most. Answers the first one.
    pub(crate) async fn wait(
        &self,
        connection: &mut Dedicated,
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
        let reply = connection.call(&wait, within).await;
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

    /// Changes keys, or nothing.
    async fn mutate(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<Answered> {
        if self.is_closed() {
            return Err(closed());
        }
        self.enter(Effect::Write, script, keys, arguments).await
    }

    /// Runs a script that may write, and begins the journal where there is none.
    async fn enter(
        &self,
        effect: Effect,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<Answered> {
        let answered = self.run(effect, script, keys, None, arguments).await?;
        if answered.word != "new" {
            return Ok(answered);
        }
        // Nothing was done so far.
        self.registry
            .enter(&self.bucket, self.settings.shards)
            .await?;
        let epoch = Some(Nonce::new());
        self.run(effect, script, keys, epoch, arguments).await
    }

    /// Runs a script that ends times and changes nothing else, so that it may be lost; `None`
    /// where there is no journal.
    async fn look(&self, script: &Script, arguments: &[&[u8]]) -> Result<Option<Answered>> {
        let answered = self.run(Effect::Read, script, &[], None, arguments).await?;
        Ok((answered.word != "new").then_some(answered))
    }

    async fn run(
        &self,
        effect: Effect,
        script: &Script,
        keys: &[&str],
        epoch: Option<Nonce>,
        arguments: &[&[u8]],
    ) -> Result<Answered> {
        let head = self.space.head();
        let values: Vec<String> = keys.iter().map(|key| self.space.value(key)).collect();
        let keys = with(&head, &values);
        let history = if self.settings.is_history_kept() {
            self.settings.history
        } else {
            0
        };
        let first = [
            Nonce::new().to_string(),
            history.to_string(),
            self.settings.history_bytes.to_string(),
            epoch.map(|epoch| epoch.to_string()).unwrap_or_default(),
            self.space.skip().to_string(),
        ];
        let mut all: Vec<&[u8]> = first.iter().map(String::as_bytes).collect();
        all.extend(arguments);
        let route = Route::Key(head[0].as_bytes());
        let reply = self.link.script(effect, route, script, &keys, &all).await?;
        Answered::read(reply)
    }

    /// Runs a script that only reads.
    async fn read(&self, script: &Script, keys: &[&[u8]], arguments: &[&[u8]]) -> Result<Value> {
        let route = Route::Key(keys[0]);
        self.link
            .script(Effect::Read, route, script, keys, arguments)
            .await
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("space", &self.space)
            .finish_non_exhaustive()
    }
}

/// A position as scripts take it; all empty for none.
#[derive(Default)]
struct Place([String; 3]);

// === impl Place ===

impl Place {
    fn of(position: Position) -> Self {
        Self([
            position.epoch.to_string(),
            position.seq.to_string(),
            position.nonce.to_string(),
        ])
    }

    fn arguments(&self) -> [&[u8]; 3] {
        self.0.each_ref().map(String::as_bytes)
    }
}

fn with<'a>(first: &'a [String], rest: &'a [String]) -> Vec<&'a [u8]> {
    first.iter().chain(rest).map(String::as_bytes).collect()
}

fn millis(ttl: Option<u64>) -> String {
    ttl.map(|ttl| ttl.to_string()).unwrap_or_default()
}

fn nonce(text: &str) -> Result<Nonce> {
    text.parse()
        .map_err(|_| unexpected("a nonce is not one of a journal"))
}
