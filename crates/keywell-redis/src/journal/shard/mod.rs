mod following;
mod transacting;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use keywell_store::{
    BucketName, Change, Entry, Error, Expected, Expires, Failure, Invalid, MAX_PAGE_BYTES, Result,
    Swap, Version,
};
use redis::Value;

use super::page::{Range, Run};
use super::position::Nonce;
use super::registry::Registry;
use super::reply::{Elements, unexpected};
use super::scripts;
use super::settings::Settings;
use super::space::Space;
use crate::link::{Effect, Link, Route, Script};

/// A part of a bucket, in one slot of a cluster: what is done to it is one script each.
pub(crate) struct Shard {
    link: Link,
    registry: Registry,
    bucket: BucketName,
    space: Space,
    settings: Settings,
    is_closed: Arc<AtomicBool>,
}

/// What a script that may write has answered: a word, and what belongs to it.
struct Answered {
    word: String,
    rest: Elements,
}

pub(crate) fn closed() -> Error {
    Error::Unavailable(Failure::new("the store is closed"))
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

    /// Reads values and versions at one instant, in the order of the keys, and if asked when they
    /// expire.
    ///
    /// # Errors
    ///
    /// [`Invalid::BatchTooLarge`] where the values have more than `max` bytes together.
    pub(crate) async fn get(
        &self,
        keys: &[&str],
        max: usize,
        with_expiry: bool,
    ) -> Result<Vec<Option<Entry>>> {
        let versions = [self.space.versions()];
        let names: Vec<String> = keys.iter().map(|key| self.space.value(key)).collect();
        let skip = self.space.skip().to_string();
        let all = with(&versions, &names);
        let bound = max.to_string();
        let with = if with_expiry { &b"1"[..] } else { b"" };
        let arguments = [skip.as_bytes(), bound.as_bytes(), with];
        let reply = self.read(&scripts::GET, &all, &arguments).await?;
        if let Value::Int(bytes) = reply {
            let bytes = usize::try_from(bytes).unwrap_or_default();
            return Err(Invalid::BatchTooLarge { bytes, max }.into());
        }
        let mut parts = Elements::of(reply)?;
        let mut entries = Vec::with_capacity(keys.len());
        for _ in keys {
            let (value, version) = (parts.optional()?, parts.optional()?);
            let left = if with_expiry {
                Some(parts.value()?)
            } else {
                None
            };
            entries.push(match (value, version) {
                (Some(value), Some(version)) => Some(Entry {
                    value,
                    version: Version::from(version),
                    expires: left.as_ref().map_or(Ok(Expires::Unread), expires)?,
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

    /// Adds to a counter. `ttl` is that of a key that is created, in milliseconds.
    pub(crate) async fn increment(&self, key: &str, delta: i64, ttl: Option<u64>) -> Result<i64> {
        let (delta, ttl) = (delta.to_string(), millis(ttl));
        let arguments = [delta.as_bytes(), ttl.as_bytes()];
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

fn with<'a>(first: &'a [String], rest: &'a [String]) -> Vec<&'a [u8]> {
    first.iter().chain(rest).map(String::as_bytes).collect()
}

/// What `PTTL` says of a key that is there.
fn expires(left: &Value) -> Result<Expires> {
    let Value::Int(millis) = left else {
        return Err(unexpected("a time to live is no number"));
    };
    Ok(u64::try_from(*millis).map_or(Expires::Never, |left| {
        Expires::In(Duration::from_millis(left))
    }))
}

fn millis(ttl: Option<u64>) -> String {
    ttl.map(|ttl| ttl.to_string()).unwrap_or_default()
}
