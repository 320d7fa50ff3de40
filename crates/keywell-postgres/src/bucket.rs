use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Answer, Batching, Bucket, BucketName, Capabilities, Cas, Change, Check, Durability, Ends,
    Entry, Error, Expected, Filter, Invalid, List, Listing, Page, Part, Promptness, Result, Set,
    Since, Swap, Transacted, Version, Watch, Watching, Written, reserved,
};

use crate::limits::{LIMITS, TRANSACTING};
use crate::open::Open;
use crate::server::Server;
use crate::unit::{Act, Step, Unit, swapped};
use crate::{log, reading, watch};

/// A bucket of a store in PostgreSQL.
#[derive(Debug)]
pub(crate) struct PostgresBucket {
    open: Arc<Open>,
    name: BucketName,
    /// Whether watches resume.
    keeps_history: bool,
}

// === impl PostgresBucket ===

impl PostgresBucket {
    pub(crate) fn new(open: Arc<Open>, name: BucketName) -> Self {
        Self {
            open,
            keeps_history: !log::is_reserved(&name),
            name,
        }
    }

    fn step(&self, key: &str, act: Act) -> Step {
        Step {
            bucket: self.name.clone(),
            key: key.to_owned(),
            act,
        }
    }

    /// What a read of a key owns.
    fn reading(&self, key: &str) -> (Arc<Server>, BucketName, String) {
        let server = self.open.server.clone();
        (server, self.name.clone(), key.to_owned())
    }

    /// Does one thing to one key.
    fn write(&self, key: &str, act: Result<Act>) -> Answer<Written> {
        let act = match act {
            Ok(act) => act,
            Err(error) => return error.into(),
        };
        let unit = Unit::of(self.step(key, act));
        self.open.write(unit).and_then(|outcome| match outcome {
            Transacted::Done(written) => written.into_iter().next().ok_or_else(unanswered),
            Transacted::Stale(_) => Err(unanswered()),
        })
    }

    fn write_many(&self, steps: Vec<Step>) -> Answer<()> {
        if steps.is_empty() {
            return Answer::now(());
        }
        let checks = Vec::new();
        self.open.write(Unit { checks, steps }).map(drop)
    }
}

fn unanswered() -> Error {
    Error::Internal("PostgreSQL answered another write".into())
}

impl Bucket for PostgresBucket {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            promptness: Promptness::Waits,
            cas: Cas::ByVersion,
            increment: true,
            list: Listing::Ordered,
            batch: Batching::Atomic,
            watch: if self.keeps_history {
                Watching::Resumable
            } else {
                Watching::Lossy
            },
            ttl: true,
            ends: Ends::Swept,
            transact: TRANSACTING,
            durability: if self.open.server.is_synced {
                Durability::Synced
            } else {
                Durability::Process
            },
            ..Capabilities::of(LIMITS)
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let (server, bucket, key) = self.reading(key);
        Answer::later(async move { reading::entry(&server, &bucket, &key, max).await })
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        let (server, bucket, key) = self.reading(key);
        Answer::later(async move { reading::exists(&server, &bucket, &key).await })
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let written = self.write(key, Act::set(key, value, how));
        written.and_then(|written| written.version.ok_or_else(unanswered))
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.write(key, Ok(Act::Delete)).map(drop)
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let act = match change {
            Change::Set(value, how) => match Act::set(key, value, how) {
                Ok(act) => act,
                Err(error) => return error.into(),
            },
            Change::Delete => Act::Delete,
        };
        let check = Check {
            bucket: self.name.clone(),
            key: key.to_owned(),
            expected,
        };
        let unit = Unit {
            checks: vec![check],
            steps: vec![self.step(key, act)],
        };
        self.open.write(unit).map(swapped)
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let written = self.write(key, Act::increment(key, delta, created));
        written.and_then(|written| written.counter.ok_or_else(unanswered))
    }

    /// Reads all keys in one snapshot.
    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        if let Err(error) = LIMITS.check_batch_of(keys) {
            return error.into();
        }
        if keys.is_empty() {
            return Answer::now(Vec::new());
        }
        let (server, bucket) = (self.open.server.clone(), self.name.clone());
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        Answer::later(async move { reading::entries(&server, &bucket, &keys, max).await })
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        if let Err(error) = LIMITS.check_entries(&entries) {
            return error.into();
        }
        let places = entries.iter().enumerate();
        let last: HashMap<&str, usize> = places.map(|(at, (key, _))| (*key, at)).collect();
        let lasting = entries
            .iter()
            .enumerate()
            .filter(|(at, (key, _))| last.get(key) == Some(at));
        let steps = lasting.map(|(_, (key, value))| self.step(key, Act::Set(value.clone(), None)));
        self.write_many(steps.collect())
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        if let Err(error) = LIMITS.check_batch_of(keys) {
            return error.into();
        }
        let steps = keys.iter().map(|key| self.step(key, Act::Delete));
        self.write_many(steps.collect())
    }

    fn admit(&self, part: Part) -> Result<Part> {
        LIMITS.check_entry(&part.key, part.value().unwrap_or_default())?;
        Ok(part.of(self.open.server.id, self.name.clone()))
    }

    fn list(&self, request: List) -> Answer<Page> {
        let (server, bucket) = (self.open.server.clone(), self.name.clone());
        Answer::later(async move {
            let scope = format!("postgres/{bucket}");
            reading::page(&server, &scope, &bucket, &request).await
        })
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        match since {
            since if self.keeps_history => watch::open(&self.open, &self.name, filter, &since),
            Since::Now => {
                let (open, name) = (self.open.clone(), self.name.clone());
                reserved::live(move || watch::open(&open, &name, filter.clone(), &Since::Now))
            }
            Since::After(_) => Error::Invalid(Invalid::Token).into(),
        }
    }
}
