//! Transactions over the keys of a bucket, each one transactional batch of the service.
//!
//! The keys are read first. Those that are checked, counted on or deleted then have to be as they
//! were read; if one is not, all are read again. A check of a key that is there and not written is a
//! reading with `If-Match` in the batch. Nothing of a batch says that a document is absent but to
//! create it, so a check of an absent key that the transaction does not write is refused.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use keywell_store::{
    Action, Change, Check, Error, Expected, Result, Set, Transacted, Write, Written,
};

use crate::backing::Backing;
use crate::document::{Content, Stored, end, etag, version};
use crate::items::{Put, Step, When};
use crate::names;
use crate::writing::{as_read, attempts};

/// How many keys are read at the same time.
const IN_FLIGHT: usize = 8;

/// The documents of a transaction, by their keys.
type Found<'a> = BTreeMap<&'a str, Option<Stored>>;

/// What a write does, but for the etag.
enum Outcome {
    Set {
        /// The place of its step.
        step: usize,
        expires: Option<u64>,
        counter: Option<i64>,
    },
    Deleted(bool),
}

/// What is sent, and what it does.
struct Plan {
    steps: Vec<Step>,
    outcomes: Vec<Outcome>,
}

/// A transaction that is being run, and has been checked.
pub(crate) struct Transaction<'a> {
    pub(crate) backing: &'a Backing,
    pub(crate) checks: &'a [Check],
    pub(crate) writes: &'a [Write],
}

fn is_live(stored: Option<&Stored>) -> bool {
    stored.is_some_and(|stored| !matches!(stored.content(), Content::Hidden))
}

// === impl Transaction ===

impl<'a> Transaction<'a> {
    pub(crate) async fn run(self) -> Result<Transacted> {
        let mut attempts = attempts();
        loop {
            let found = self.read().await?;
            let stands = |check: &Check| {
                let stored = found.get(check.key.as_str()).and_then(Option::as_ref);
                match &check.expected {
                    Expected::Absent => !is_live(stored),
                    Expected::At(version) => stored.is_some_and(|stored| {
                        is_live(Some(stored)) && etag(version) == Some(&*stored.etag)
                    }),
                }
            };
            if let Some(at) = self.checks.iter().position(|check| !stands(check)) {
                return Ok(Transacted::Stale(at));
            }
            let Plan { steps, outcomes } = self.plan(&found)?;
            let done = if steps.is_empty() {
                Put::Done(Vec::new())
            } else {
                self.backing.items.transact(&steps).await?
            };
            if let Put::Done(etags) = done {
                let written = outcomes.iter().map(|outcome| outcome.written(&etags));
                return Ok(Transacted::Done(written.collect()));
            }
            attempts.lost().await?;
        }
    }

    /// Reads the documents that the transaction goes by: all but those that are written whatever
    /// they are.
    async fn read(&self) -> Result<Found<'a>> {
        let mut keys: Vec<&str> = self.checks.iter().map(|check| &*check.key).collect();
        let goes_by = |write: &&Write| !matches!(write.action, Action::Change(Change::Set(..)));
        let written = self.writes.iter().filter(goes_by);
        keys.extend(written.map(|write| &*write.key));
        keys.sort_unstable();
        keys.dedup();
        let items = &self.backing.items;
        let reads = keys.into_iter().map(async |key: &'a str| {
            let stored = items.read(&names::id(key)).await?;
            Ok::<_, Error>((key, stored))
        });
        let reads: Vec<_> = reads.collect();
        stream::iter(reads).buffered(IN_FLIGHT).try_collect().await
    }

    fn plan(&self, found: &Found<'_>) -> Result<Plan> {
        let mut steps = Vec::new();
        let mut outcomes = Vec::new();
        for write in self.writes {
            let key = &write.key;
            let read = found.get(key.as_str()).map(Option::as_ref);
            let stored = read.flatten();
            let when = as_read(stored);
            match &write.action {
                Action::Change(Change::Set(value, how)) => {
                    let document = self.backing.document(key, value, end(*how)?);
                    let when = if read.is_some() { when } else { When::Always };
                    outcomes.push(Outcome::Set {
                        step: steps.len(),
                        expires: document.expires,
                        counter: None,
                    });
                    steps.push(Step::Write(document, when));
                }
                Action::Change(Change::Delete) => {
                    let was_there = is_live(stored);
                    match stored {
                        Some(stored) if !was_there => {
                            let (id, etag) = (stored.id.clone(), stored.etag.clone());
                            steps.push(Step::Check(id, etag));
                        }
                        Some(_) => steps.push(Step::Write(self.backing.tombstone(key), when)),
                        // Fails if there is one by then.
                        None => {
                            let tombstone = self.backing.tombstone(key).into_void();
                            steps.push(Step::Write(tombstone, when));
                        }
                    }
                    outcomes.push(Outcome::Deleted(was_there));
                }
                Action::Increment(delta) => {
                    let created = Set::default();
                    let counted = self.backing.counted(key, stored, *delta, created)?;
                    let (sum, document) = counted;
                    outcomes.push(Outcome::Set {
                        step: steps.len(),
                        expires: document.expires,
                        counter: Some(sum),
                    });
                    steps.push(Step::Write(document, when));
                }
            }
        }
        let is_written = |key: &str| self.writes.iter().any(|write| write.key == key);
        for (key, stored) in found {
            if is_written(key) {
                continue;
            }
            match stored {
                Some(stored) if is_live(Some(stored)) => {
                    steps.push(Step::Check(stored.id.clone(), stored.etag.clone()));
                }
                _ => {
                    return Err(Error::Unsupported(
                        "a check in a transaction that a key is absent which it does not write",
                    ));
                }
            }
        }
        Ok(Plan { steps, outcomes })
    }
}

// === impl Outcome ===

impl Outcome {
    /// What the write did, of which each step has this etag.
    fn written(&self, etags: &[String]) -> Written {
        match *self {
            Self::Deleted(was_there) => Written::deleted(was_there),
            Self::Set {
                step,
                expires,
                counter,
            } => {
                let version = version(&etags[step], expires);
                match counter {
                    Some(counter) => Written::counted(version, counter),
                    None => Written::set(version),
                }
            }
        }
    }
}
