use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use keywell_client::Attempts;
use keywell_store::backend::{Backend, Reader, Watcher, Writer};
use keywell_store::{
    Capabilities, Cas, Change, Durability, Ends, Entry, Error, Expected, Invalid, Promptness,
    Result, Set, Swap, ValueBytes, Version, counter,
};

use crate::life::Life;
use crate::names::Names;
use crate::server::{Found, Server, Written};
use crate::servers::Servers;
use crate::wire::{Command, When};

/// The largest value: what Memcached takes unless it is set otherwise (`-I`), less what it keeps
/// beside it.
const VALUE_BYTES: usize = (1 << 20) - 1024;
/// How many commands of a batch are under way.
const IN_FLIGHT: usize = 64;

/// What the handles on a bucket share.
pub(crate) struct Backing {
    pub(crate) servers: Arc<Servers>,
    pub(crate) names: Names,
}

/// The version of an item, by the run of its server.
fn version(run: u64, number: u64) -> Version {
    let mut token = BytesMut::with_capacity(16);
    token.put_u64(run);
    token.put_u64(number);
    Version::from(token.freeze())
}

/// The run of a server and the number of an item, if the version is one of ours.
fn number(version: &Version) -> Option<(u64, u64)> {
    let (run, number) = version.as_bytes()?.split_first_chunk()?;
    let number = number.try_into().ok()?;
    Some((u64::from_be_bytes(*run), u64::from_be_bytes(number)))
}

fn entry(found: Found, now: SystemTime) -> Entry {
    let Found { item, run } = found;
    Entry {
        version: version(run, item.number),
        expires: Life::expires(item.left, item.flags, now),
        value: item.value,
    }
}

// === impl Backing ===

impl Backing {
    /// The name of a key, and the server that has it.
    fn place(&self, key: &str) -> Result<(String, &Server)> {
        let name = self.names.name(key);
        let server = self.servers.of(&name)?;
        Ok((name, server))
    }

    async fn found(&self, key: &str, max: usize) -> Result<Option<Found>> {
        let (name, server) = self.place(key)?;
        let found = server.read(Command::get(&name), max).await?;
        let in_room = |found: Result<Found, usize>| {
            found.map_err(|bytes| Error::Invalid(Invalid::ValueTooLarge { bytes, max }))
        };
        found.map(in_room).transpose()
    }

    /// Does writes that do not depend on each other.
    async fn each<T>(&self, writes: Vec<impl Future<Output = Result<T>>>) -> Result<()> {
        let mut ended = stream::iter(writes).buffer_unordered(IN_FLIGHT);
        let mut is_partial = false;
        let mut outcome = Ok(());
        while let Some(written) = ended.next().await {
            match written {
                Ok(_) => is_partial = true,
                Err(error) => {
                    is_partial |= matches!(error, Error::Ambiguous(_));
                    outcome = Err(error);
                }
            }
        }
        outcome.map_err(|error: Error| if is_partial { error.of_a_part() } else { error })
    }
}

impl Reader for Backing {
    async fn get(&self, key: &str, max: usize) -> Result<Option<Entry>> {
        let found = self.found(key, max).await?;
        Ok(found.map(|found| entry(found, SystemTime::now())))
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let (name, server) = self.place(key)?;
        Ok(server.read(Command::look(&name), 0).await?.is_some())
    }

    async fn get_many(&self, keys: Vec<String>, max: usize) -> Result<Vec<Option<Entry>>> {
        let reads: Vec<_> = keys.iter().map(|key| self.get(key, max)).collect();
        let mut reads = stream::iter(reads).buffered(IN_FLIGHT);
        let mut bytes = ValueBytes::new(max);
        let mut found = Vec::with_capacity(keys.len());
        while let Some(entry) = reads.try_next().await? {
            bytes.add_entry(entry.as_ref())?;
            found.push(entry);
        }
        Ok(found)
    }
}

impl Writer for Backing {
    async fn set(&self, key: &str, value: Bytes, how: Set) -> Result<Version> {
        let life = Life::of(how, SystemTime::now())?;
        let (name, server) = self.place(key)?;
        let set = Command::set(&name, value, life, When::Always);
        match server.write(set, None).await? {
            Written::Done { number, run } => Ok(version(run, number)),
            _ => Err(Error::Internal("Memcached refuses to set a key".into())),
        }
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let (name, server) = self.place(key)?;
        let delete = Command::delete(&name, When::Always);
        server.write(delete, None).await.map(drop)
    }

    async fn swap(&self, key: &str, expected: Expected, change: Change) -> Result<Swap> {
        let (name, server) = self.place(key)?;
        let life = match &change {
            Change::Set(_, how) => Some(Life::of(*how, SystemTime::now())?),
            Change::Delete => None,
        };
        let (run, when) = match &expected {
            Expected::Absent => (None, When::Absent),
            Expected::At(version) => match number(version) {
                Some((run, number)) => (Some(run), When::At(number)),
                None => return Ok(Swap::Stale),
            },
        };
        let written = match (change, life) {
            (Change::Set(value, _), Some(life)) => {
                let set = Command::set(&name, value, life, when);
                server.write(set, run).await?
            }
            _ if expected == Expected::Absent => {
                let found = server.read(Command::look(&name), 0).await?;
                return Ok(match found {
                    Some(_) => Swap::Stale,
                    None => Swap::Done(None),
                });
            }
            _ => {
                let delete = Command::delete(&name, when);
                return Ok(match server.write(delete, run).await? {
                    Written::Done { .. } => Swap::Done(None),
                    Written::Absent | Written::Stale => Swap::Stale,
                });
            }
        };
        Ok(match written {
            Written::Done { number, run } => Swap::Done(Some(version(run, number))),
            Written::Absent | Written::Stale => Swap::Stale,
        })
    }

    /// Adds to a counter under the condition that it is as it was read.
    ///
    /// Memcached's own addition keeps the end of the item's life exactly, but knows no sign, and pads
    /// a number that becomes shorter. What it cannot do is a set.
    async fn increment(&self, key: &str, delta: i64, created: Set) -> Result<i64> {
        let (name, server) = self.place(key)?;
        let counters = &self.servers.counters;
        let _turn = counters.turn_to_increment(&name, "Memcached").await?;
        let mut attempts = Attempts::new(Duration::from_millis(50));
        loop {
            // A longer value is no number.
            let found = server.read(Command::get(&name), VALUE_BYTES).await?;
            let found = match found {
                Some(Err(_)) => return Err(Invalid::NotANumber.into()),
                Some(Ok(found)) => Some(found),
                None => None,
            };
            let old = found.as_ref().map(|found| &found.item.value[..]);
            let sum = counter::add(old, delta)?;
            let text = counter::text(sum);
            let now = SystemTime::now();
            let (command, run) = match &found {
                None => {
                    let life = Life::of(created, now)?;
                    (Command::set(&name, text, life, When::Absent), None)
                }
                Some(Found { item, run }) => {
                    let is_plain = item.value.first() != Some(&b'-')
                        && sum >= 0
                        && text.len() >= item.value.len();
                    let command = if is_plain {
                        Command::add(&name, delta, item.number)
                    } else {
                        let life = Life::going_on(item.left, item.flags, now);
                        Command::set(&name, text, life, When::At(item.number))
                    };
                    (command, Some(*run))
                }
            };
            if let Written::Done { .. } = server.write(command, run).await? {
                return Ok(sum);
            }
            attempts.lost().await?;
        }
    }

    async fn set_many(&self, entries: Vec<(String, Bytes)>) -> Result<()> {
        let sets = entries
            .into_iter()
            .map(|(key, value)| async move { self.set(&key, value, Set::default()).await });
        self.each(sets.collect()).await
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<()> {
        let deletions = keys.iter().map(|key| self.delete(key));
        self.each(deletions.collect()).await
    }
}

impl Watcher for Backing {}

impl Backend for Backing {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            promptness: Promptness::Waits,
            cas: Cas::ByVersion,
            increment: true,
            ttl: true,
            ends: Ends::Untold,
            durability: Durability::Volatile,
            value_bytes: VALUE_BYTES,
            ttl_step: Duration::from_secs(1),
            ..Capabilities::default()
        }
    }

    /// The empty key has a name as well: that of the bucket.
    fn check_key(&self, key: &str) -> Result<()> {
        self.capabilities().limits().check_length(key)
    }
}
