use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Answer, Batching, Bucket, Capabilities, Cas, Change, Cursor, Durability, Entry, Error,
    Expected, Filter, Invalid, List, Listing, Page, Part, Promptness, Result, Set, Since, StoreId,
    Swap, Transacting, Version, Watch, Watching,
};
use redis::{Cmd, Value};

use super::limits::LIMITS;
use super::names::Keys;
use super::reading::{Reading, entry, integer, many};
use super::windows::Windows;
use super::{lengths, listing, transact};
use crate::batch;
use crate::distinct::{self, Distinct};
use crate::link::{Effect, Link, Route, Script, slot, unexpected};
use crate::watch::Hub;
use crate::wire::command;

/// A bucket whose keys are Redis strings.
#[derive(Clone)]
pub(crate) struct PlainBucket {
    store: StoreId,
    link: Link,
    keys: Keys,
    windows: Arc<Windows>,
    /// None where watching is turned off.
    hub: Option<Arc<Hub>>,
}

/// Writes if the value is still the one that is expected: `KEYS[1]`, the value that was read, the
/// time to live (empty for none), and the new value (none to delete).
///
/// Replicas receive its effects, which every version knows. `SET … IFEQ` (Valkey 8.1, Redis 8.4) would
/// take a tenth of the server's time, 0.3 µs instead of 3, but replicas receive it as it is: during an
/// upgrade an older one refuses it and keeps the old value, which only its log shows (tried from
/// Redis 6.2 to Valkey 8.1 and from 8.0 to 8.6).
static SWAP: Script = Script::new(
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
     if ARGV[3] == nil then redis.call('DEL', KEYS[1]) \
     elseif ARGV[2] == '' then redis.call('SET', KEYS[1], ARGV[3]) \
     else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2]) end \
     return 1",
);

/// Adds to a counter: `KEYS[1]`, what to add, and the time to live of a key that is created. The sum
/// is read back: in Lua it would lose what is past 2^53.
static INCREMENT_OR_CREATE: Script = Script::new(
    "if redis.call('EXISTS', KEYS[1]) == 0 then \
       redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) \
       return ARGV[1] \
     end \
     redis.call('INCRBY', KEYS[1], ARGV[1]) \
     return redis.call('GET', KEYS[1])",
);

// === impl PlainBucket ===

impl PlainBucket {
    pub(super) fn new(
        store: StoreId,
        link: Link,
        keys: Keys,
        windows: Arc<Windows>,
        hub: Option<Arc<Hub>>,
    ) -> Self {
        Self {
            store,
            link,
            keys,
            windows,
            hub,
        }
    }

    /// Sends a command about one key, and reads its reply.
    fn ask<T: Send + 'static>(
        &self,
        effect: Effect,
        key: Vec<u8>,
        command: Cmd,
        read: fn(Value) -> Result<T>,
    ) -> Answer<T> {
        let link = self.link.clone();
        Answer::later(async move { read(link.call(effect, Route::Key(&key), &command).await?) })
    }

    /// The positions of keys, together where one command may have them.
    fn groups(&self, keys: &[Vec<u8>]) -> Vec<Vec<usize>> {
        if !self.link.is_cluster() {
            return vec![(0..keys.len()).collect()];
        }
        let mut groups: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (position, key) in keys.iter().enumerate() {
            groups.entry(slot(key)).or_default().push(position);
        }
        groups.into_values().collect()
    }

    fn read_many(&self, keys: &[&str], max: usize, reading: Reading) -> Answer<Vec<Option<Entry>>> {
        if keys.is_empty() {
            return Answer::now(Vec::new());
        }
        if let Err(error) = LIMITS.check_batch_of(keys) {
            return error.into();
        }
        let Distinct { keys, places } = Distinct::of(keys);
        let keys: Vec<Vec<u8>> = keys.iter().map(|key| self.keys.full(key)).collect();
        let groups = self.groups(&keys);
        let link = self.link.clone();
        Answer::later(async move {
            if reading.asks_lengths_first(&groups) {
                lengths::check(&link, &keys, &places, max).await?;
            }
            let entries = reading.entries(&link, &keys, &groups, max).await?;
            distinct::spread(&entries, &places, max)
        })
    }

    /// Sends one command for each group, and returns what of it was done.
    fn write_groups(&self, keys: &[Vec<u8>], command: impl Fn(&[usize]) -> Cmd) -> Answer<()> {
        let commands: Vec<(Vec<u8>, Cmd)> = self
            .groups(keys)
            .iter()
            .map(|group| (keys[group[0]].clone(), command(group)))
            .collect();
        let link = self.link.clone();
        Answer::later(async move {
            let written = commands
                .iter()
                .map(|(key, command)| link.write(Route::Key(key), command));
            batch::sum(futures::future::join_all(written).await)
        })
    }
}

impl Bucket for PlainBucket {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            promptness: Promptness::Waits,
            cas: Cas::ByValue,
            increment: true,
            list: Listing::Ordered,
            batch: if self.link.is_cluster() {
                Batching::Sequential
            } else {
                Batching::Atomic
            },
            watch: if self.hub.is_some() {
                Watching::Lossy
            } else {
                Watching::None
            },
            ttl: true,
            transact: transact::transacting(&self.link),
            durability: Durability::Process,
            ..Capabilities::of(LIMITS)
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let key = self.keys.full(key);
        let get = command(&[b"GET", &key]);
        self.ask(Effect::ReadWithin(max), key, get, |reply| {
            entry("GET", reply)
        })
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        let key = self.keys.full(key);
        let exists = command(&[b"EXISTS", &key]);
        self.ask(Effect::Read, key, exists, |reply| {
            integer("EXISTS", &reply).map(|found| found > 0)
        })
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let ttl = match LIMITS
            .check_entry(key, &value)
            .and_then(|()| how.ttl_millis())
        {
            Ok(ttl) => ttl,
            Err(error) => return error.into(),
        };
        let key = self.keys.full(key);
        let set = set(&key, &value, ttl, None);
        self.ask(Effect::Write, key, set, |_| Ok(()))
            .map(move |()| Version::from(value))
    }

    fn delete(&self, key: &str) -> Answer<()> {
        let key = self.keys.full(key);
        let delete = command(&[b"DEL", &key]);
        self.ask(Effect::Write, key, delete, |_| Ok(()))
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let change = match change {
            Change::Delete => None,
            Change::Set(value, how) => match LIMITS
                .check_entry(key, &value)
                .and_then(|()| how.ttl_millis())
            {
                Ok(ttl) => Some((value, ttl)),
                Err(error) => return error.into(),
            },
        };
        let key = self.keys.full(key);
        let Expected::At(version) = expected else {
            return self.create(key, change);
        };
        let Some(expected) = version.as_bytes().cloned() else {
            // A version that this layout does not give stands for nothing that is there.
            return Answer::now(Swap::Stale);
        };
        let link = self.link.clone();
        Answer::later(async move {
            let ttl = change.as_ref().and_then(|(_, ttl)| *ttl);
            let ttl = ttl.map(|millis| millis.to_string()).unwrap_or_default();
            let mut arguments: Vec<&[u8]> = vec![&expected, ttl.as_bytes()];
            arguments.extend(change.as_ref().map(|(value, _)| &value[..]));
            let route = Route::Key(&key);
            let swapped = link
                .script(Effect::Write, route, &SWAP, &[&key], &arguments)
                .await?;
            Ok(match integer("EVALSHA", &swapped)? {
                0 => Swap::Stale,
                _ => Swap::Done(change.map(|(value, _)| Version::from(value))),
            })
        })
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let ttl = match LIMITS.check_length(key).and_then(|()| created.ttl_millis()) {
            Ok(ttl) => ttl,
            Err(error) => return error.into(),
        };
        let key = self.keys.full(key);
        if let Some(ttl) = ttl {
            return self.increment_or_expire(key, delta, ttl);
        }
        let increment = command(&[b"INCRBY", &key, delta.to_string().as_bytes()]);
        self.ask(Effect::Write, key, increment, |reply| {
            integer("INCRBY", &reply)
        })
    }

    /// Of one slot each at one instant; on a server, all of them.
    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.read_many(keys, max, Reading::Values)
    }

    /// Of one slot each at one instant, in one round trip; on a server, all of them.
    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.read_many(keys, max, Reading::WithExpiry)
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        if entries.is_empty() {
            return Answer::now(());
        }
        if let Err(error) = LIMITS.check_entries(&entries) {
            return error.into();
        }
        let mut last: HashMap<&str, usize> = HashMap::with_capacity(entries.len());
        for (position, (key, _)) in entries.iter().enumerate() {
            last.insert(key, position);
        }
        let mut positions: Vec<usize> = last.into_values().collect();
        positions.sort_unstable();
        let of = |position: &usize| self.keys.full(entries[*position].0);
        let keys: Vec<Vec<u8>> = positions.iter().map(of).collect();
        self.write_groups(&keys, |group| {
            let pairs = group.iter().flat_map(|at| {
                let value = &entries[positions[*at]].1;
                [&keys[*at][..], &value[..]]
            });
            many(b"MSET", pairs)
        })
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        if keys.is_empty() {
            return Answer::now(());
        }
        if let Err(error) = LIMITS.check_batch_of(keys) {
            return error.into();
        }
        let keys: Vec<Vec<u8>> = keys.iter().map(|key| self.keys.full(key)).collect();
        self.write_groups(&keys, |group| {
            many(b"DEL", group.iter().map(|position| &keys[*position][..]))
        })
    }

    fn admit(&self, part: Part) -> Result<Part> {
        if transact::transacting(&self.link) == Transacting::None {
            return Err(Error::Unsupported("transactions"));
        }
        LIMITS.check_entry(&part.key, part.value().unwrap_or_default())?;
        Ok(part.of(self.store, self.keys.bucket().clone()))
    }

    fn list(&self, request: List) -> Answer<Page> {
        let (link, keys) = (self.link.clone(), self.keys.clone());
        let windows = self.windows.clone();
        let bucket = request.values.map(|max| (self.clone(), max));
        Answer::later(async move {
            let page = listing::page(&link, &windows, &keys, &request).await?;
            let Some((bucket, max)) = bucket else {
                return Ok(page);
            };
            let scope = keys.scope();
            let seal = |key: &str| Cursor::seal(&scope, &request.prefix, key.as_bytes());
            page.read(&bucket, max, seal).await
        })
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let Some(hub) = self.hub.clone() else {
            return Error::Unsupported("watching").into();
        };
        if since != Since::Now {
            return Error::Invalid(Invalid::Token).into();
        }
        let keys = self.keys.clone();
        Answer::later(async move { hub.watch(keys, filter).await })
    }
}

impl PlainBucket {
    /// An increment that gives a key that it creates this time to live, in milliseconds.
    fn increment_or_expire(&self, key: Vec<u8>, delta: i64, ttl: u64) -> Answer<i64> {
        let link = self.link.clone();
        Answer::later(async move {
            let (delta, ttl) = (delta.to_string(), ttl.to_string());
            let arguments = [delta.as_bytes(), ttl.as_bytes()];
            let route = Route::Key(&key);
            let sum = link
                .script(
                    Effect::Write,
                    route,
                    &INCREMENT_OR_CREATE,
                    &[&key],
                    &arguments,
                )
                .await?;
            let text = match &sum {
                Value::BulkString(text) => std::str::from_utf8(text).ok(),
                _ => None,
            };
            let sum = text.and_then(|text| text.parse().ok()).ok_or(&sum);
            sum.map_err(|other| unexpected("EVALSHA", other))
        })
    }

    /// A swap that expects no key.
    fn create(&self, key: Vec<u8>, change: Option<(Bytes, Option<u64>)>) -> Answer<Swap> {
        let Some((value, ttl)) = change else {
            let exists = command(&[b"EXISTS", &key]);
            return self.ask(Effect::Read, key, exists, |reply| {
                Ok(match integer("EXISTS", &reply)? {
                    0 => Swap::Done(None),
                    _ => Swap::Stale,
                })
            });
        };
        let set = set(&key, &value, ttl, Some(b"NX"));
        let created = self.ask(Effect::Write, key, set, |reply| Ok(reply != Value::Nil));
        created.map(move |created| {
            if created {
                Swap::Done(Some(Version::from(value)))
            } else {
                Swap::Stale
            }
        })
    }
}

fn set(key: &[u8], value: &[u8], ttl: Option<u64>, condition: Option<&[u8]>) -> Cmd {
    let mut set = Cmd::with_capacity(6, key.len() + value.len() + 32);
    set.arg("SET").arg(key).arg(value);
    if let Some(millis) = ttl {
        set.arg("PX").arg(millis);
    }
    if let Some(condition) = condition {
        set.arg(condition);
    }
    set
}
