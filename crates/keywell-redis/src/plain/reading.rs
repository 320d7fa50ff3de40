//! Reads of several keys: those of each slot at one instant.

use std::time::Duration;

use bytes::Bytes;
use futures::future::try_join_all;
use keywell_store::{Entry, Expires, Invalid, Result, Version};
use redis::{Cmd, Value};

use crate::distinct;
use crate::link::{Effect, Link, Route, Script, unexpected};

/// How keys are read.
#[derive(Clone, Copy)]
pub(super) enum Reading {
    /// By `MGET`.
    Values,
    /// By a script, with what is left of their times to live.
    WithExpiry,
}

/// Reads strings and when they expire, at one instant: `KEYS`, and how many bytes they may have
/// together. Answers how many they have where that is more. Something else than a string is absent,
/// as it is to `MGET`.
static GET_WITH_EXPIRY: Script = Script::new(
    "local bytes = 0 \
     for _, key in ipairs(KEYS) do \
       local length = redis.pcall('STRLEN', key) \
       if type(length) == 'number' then bytes = bytes + length end \
     end \
     if bytes > tonumber(ARGV[1]) then return bytes end \
     local answer = {} \
     for _, key in ipairs(KEYS) do \
       local value = redis.pcall('GET', key) \
       local is_there = type(value) == 'string' \
       answer[#answer + 1] = is_there and value \
       answer[#answer + 1] = is_there and redis.call('PTTL', key) \
     end \
     return answer",
);

// === impl Reading ===

impl Reading {
    /// Whether the lengths are read before the values, so that a server need not put together what
    /// is then refused. The script compares them itself, on the one server that it runs on.
    pub(super) fn asks_lengths_first(self, groups: &[Vec<usize>]) -> bool {
        match self {
            Self::Values => groups.iter().map(Vec::len).sum::<usize>() > 1,
            Self::WithExpiry => groups.len() > 1,
        }
    }

    /// The entries of keys, in their order. A group has the positions of keys that one command may
    /// have together.
    pub(super) async fn entries(
        self,
        link: &Link,
        keys: &[Vec<u8>],
        groups: &[Vec<usize>],
        max: usize,
    ) -> Result<Vec<Option<Entry>>> {
        let asked = groups.iter().map(|group| async move {
            let keys: Vec<&[u8]> = group.iter().map(|at| &keys[*at][..]).collect();
            match self {
                Self::Values => values(link, &keys, max).await,
                Self::WithExpiry => expiring(link, &keys, max).await,
            }
        });
        let read = try_join_all(asked).await?;
        let mut entries = vec![None; keys.len()];
        for (group, read) in groups.iter().zip(read) {
            for (position, entry) in group.iter().zip(read) {
                entries[*position] = entry;
            }
        }
        Ok(entries)
    }
}

async fn values(link: &Link, keys: &[&[u8]], max: usize) -> Result<Vec<Option<Entry>>> {
    let command = many(b"MGET", keys.iter().copied());
    let reply = link.call(Effect::ReadWithin(max), Route::Key(keys[0]), &command);
    match reply.await.map_err(distinct::too_large)? {
        Value::Array(values) => values
            .into_iter()
            .map(|value| entry("MGET", value))
            .collect(),
        other => Err(unexpected("MGET", &other)),
    }
}

/// The entries of keys that are on one server.
async fn expiring(link: &Link, keys: &[&[u8]], max: usize) -> Result<Vec<Option<Entry>>> {
    let bound = max.to_string();
    let reply = link
        .script(
            Effect::ReadWithin(max),
            Route::Key(keys[0]),
            &GET_WITH_EXPIRY,
            keys,
            &[bound.as_bytes()],
        )
        .await
        .map_err(distinct::too_large)?;
    let parts = match reply {
        Value::Array(parts) if parts.len() == 2 * keys.len() => parts,
        Value::Int(bytes) => {
            let bytes = usize::try_from(bytes).unwrap_or_default();
            return Err(Invalid::BatchTooLarge { bytes, max }.into());
        }
        other => return Err(unexpected("EVALSHA", &other)),
    };
    let mut parts = parts.into_iter();
    let mut entries = Vec::with_capacity(keys.len());
    while let (Some(value), Some(left)) = (parts.next(), parts.next()) {
        let mut read = entry("EVALSHA", value)?;
        if let Some(entry) = &mut read {
            entry.expires = expires(integer("EVALSHA", &left)?);
        }
        entries.push(read);
    }
    Ok(entries)
}

/// What `PTTL` says of a key that is there.
fn expires(millis: i64) -> Expires {
    u64::try_from(millis).map_or(Expires::Never, |left| {
        Expires::In(Duration::from_millis(left))
    })
}

pub(super) fn many<'a>(name: &[u8], arguments: impl Iterator<Item = &'a [u8]>) -> Cmd {
    let mut many = Cmd::new();
    many.arg(name);
    for argument in arguments {
        many.arg(argument);
    }
    many
}

pub(super) fn entry(command: &'static str, reply: Value) -> Result<Option<Entry>> {
    match reply {
        Value::Nil => Ok(None),
        Value::BulkString(value) => {
            let value = Bytes::from(value);
            let version = Version::from(value.clone());
            Ok(Some(Entry {
                value,
                version,
                expires: Expires::Unread,
            }))
        }
        other => Err(unexpected(command, &other)),
    }
}

pub(super) fn integer(command: &'static str, reply: &Value) -> Result<i64> {
    match reply {
        Value::Int(number) => Ok(*number),
        other => Err(unexpected(command, other)),
    }
}
