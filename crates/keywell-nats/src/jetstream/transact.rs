//! Transactions over the keys of a bucket, as batches of messages.
//!
//! The keys that are checked, counted on or deleted are read first. What was read then has to be the
//! last of its key still when the batch is stored. A message carries one such condition, for its own
//! key or for another one. Where there are more conditions than messages, the batch has further ones,
//! on a subject of no key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use async_nats::HeaderMap;
use bytes::Bytes;
use keywell_client::Backoff;
use keywell_store::{Action, Change, Check, Error, Result, Transacted, Write, Written, counter};

use super::backing::{Backing, deletion};
use super::batch::EXPECTED_SUBJECT;
use super::message::{self, Deadline, What};
use super::reading::Found;
use super::writing::{EXPECTED, Message, Put};

/// How often a transaction that lost to another write is tried again.
const ATTEMPTS: usize = 64;

/// What a transaction is going to store.
struct Plan {
    messages: Vec<Message>,
    /// What each write does, in order.
    outcomes: Vec<Outcome>,
}

/// What a write does.
enum Outcome {
    /// Its message is the one at this place.
    Stores {
        at: usize,
        deadline: Option<Deadline>,
        counter: Option<i64>,
    },
    Deletes,
    /// There is nothing to delete.
    Nothing,
}

/// Checks each key and value as a call of its own would.
pub(crate) fn check(backing: &Backing, checks: &[Check], writes: &[Write]) -> Result<()> {
    let declared = backing.capabilities();
    declared.transact.check(checks, writes)?;
    for check in checks {
        backing.subject(&check.key)?;
    }
    for write in writes {
        backing.subject(&write.key)?;
        if let Action::Change(Change::Set(value, how)) = &write.action {
            declared.check(&write.key, value)?;
            if how.ttl_millis()?.is_some() && !declared.ttl {
                return Err(Error::Unsupported("a time to live"));
            }
        }
    }
    Ok(())
}

/// Runs a transaction that was checked.
pub(crate) async fn run(
    backing: &Backing,
    checks: &[Check],
    writes: &[Write],
) -> Result<Transacted> {
    let names = &backing.stream.names;
    let mut subjects: BTreeSet<String> = checks
        .iter()
        .map(|check| names.subject(&check.key))
        .collect();
    let is_read = |write: &&Write| !matches!(write.action, Action::Change(Change::Set(..)));
    let read = writes.iter().filter(is_read);
    subjects.extend(read.map(|write| names.subject(&write.key)));

    let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(50));
    for _ in 0..ATTEMPTS {
        let found = last_of_each(backing, &subjects).await?;
        let now = SystemTime::now();
        let stands = |check: &Check| {
            let stored = found.get(&names.subject(&check.key));
            let entry = stored.cloned().and_then(|stored| stored.entry(now));
            check.expected.stands(entry.as_ref())
        };
        if let Some(at) = checks.iter().position(|check| !stands(check)) {
            return Ok(Transacted::Stale(at));
        }
        let guards = subjects.iter().map(|subject| {
            let sequence = found.get(subject).map_or(0, |stored| stored.sequence);
            (subject.clone(), sequence)
        });
        let plan = Plan::of(backing, writes, &found, guards.collect(), now)?;
        let put = match &plan.messages[..] {
            [] => unchanged(backing, &subjects, &found).await?,
            [message] => backing.put(message.clone()).await?,
            messages => backing.put_all(messages).await?,
        };
        if let Put::Done(last) = put {
            return Ok(Transacted::Done(plan.written(last)));
        }
        backoff.pause().await;
    }
    let what = "too many clients write the keys of the transaction at the same time";
    Err(Error::Unavailable(what.into()))
}

async fn last_of_each(backing: &Backing, subjects: &BTreeSet<String>) -> Result<Found> {
    backing
        .last_of_each(subjects.iter().cloned().collect())
        .await
}

/// Whether what was read was all there at one instant: if a second reading finds the same, it was in
/// between.
async fn unchanged(backing: &Backing, subjects: &BTreeSet<String>, found: &Found) -> Result<Put> {
    if subjects.len() < 2 || last_of_each(backing, subjects).await? == *found {
        return Ok(Put::Done(0));
    }
    Ok(Put::Lost)
}

/// A message that writes no key.
fn carrying(no_key: &str) -> Message {
    let mut headers = HeaderMap::new();
    headers.insert(message::OPERATION, message::DELETE);
    Message {
        subject: no_key.to_owned(),
        headers,
        payload: Bytes::new(),
        expected: None,
    }
}

// === impl Plan ===

impl Plan {
    /// The messages of writes, with a condition for each subject in `guards`.
    fn of(
        backing: &Backing,
        writes: &[Write],
        found: &Found,
        mut guards: BTreeMap<String, u64>,
        now: SystemTime,
    ) -> Result<Self> {
        let mut plan = Self {
            messages: Vec::new(),
            outcomes: Vec::new(),
        };
        for write in writes {
            let subject = backing.stream.names.subject(&write.key);
            let stored = found.get(&subject).filter(|stored| stored.is_live(now));
            let at = plan.messages.len();
            let mut headers = HeaderMap::new();
            let (payload, deadline, counter) = match &write.action {
                Action::Change(Change::Delete) => {
                    if stored.is_none() {
                        plan.outcomes.push(Outcome::Nothing);
                        continue;
                    }
                    let expected = guards.remove(&subject).unwrap_or(0);
                    plan.messages.push(deletion(subject, expected));
                    plan.outcomes.push(Outcome::Deletes);
                    continue;
                }
                Action::Change(Change::Set(value, how)) => {
                    let deadline = how.ttl_millis()?.map(|millis| Deadline::after(now, millis));
                    (value.clone(), deadline, None)
                }
                Action::Increment(delta) => {
                    let (value, deadline) = match stored.map(|stored| &stored.what) {
                        Some(What::Value { value, deadline }) => (Some(&value[..]), *deadline),
                        _ => (None, None),
                    };
                    let sum = counter::add(value, *delta)?;
                    (counter::text(sum), deadline, Some(sum))
                }
            };
            if let Some(deadline) = deadline {
                deadline.write(&mut headers, now);
            }
            let expected = guards.remove(&subject);
            plan.messages.push(Message {
                subject,
                headers,
                payload,
                expected,
            });
            plan.outcomes.push(Outcome::Stores {
                at,
                deadline,
                counter,
            });
        }
        plan.carry(backing, guards);
        Ok(plan)
    }

    /// Gives the conditions of other keys to messages that have none, and adds some for the rest.
    fn carry(&mut self, backing: &Backing, guards: BTreeMap<String, u64>) {
        if self.messages.is_empty() {
            return;
        }
        let has_none = |message: &&mut Message| message.expected.is_none();
        let mut free = self.messages.iter_mut().filter(has_none);
        let mut carriers = Vec::new();
        let no_key = backing.stream.names.no_key();
        for (subject, sequence) in guards {
            let mut carrier = None;
            let message = match free.next() {
                Some(message) => message,
                None => carrier.insert(carrying(&no_key)),
            };
            message.headers.insert(EXPECTED, sequence.to_string());
            message.headers.insert(EXPECTED_SUBJECT, subject);
            carriers.extend(carrier);
        }
        // In front, so that the sequences of the others count back from the last one's.
        carriers.append(&mut self.messages);
        self.messages = carriers;
    }

    /// What the writes did, where the last message is at this sequence.
    fn written(self, last: u64) -> Vec<Written> {
        let is_own = |outcome: &&Outcome| !matches!(outcome, Outcome::Nothing);
        let count = self.outcomes.iter().filter(is_own).count() as u64;
        let outcomes = self.outcomes.into_iter();
        let written = outcomes.map(|outcome| match outcome {
            Outcome::Stores {
                at,
                deadline,
                counter,
            } => {
                let version = message::version(last + 1 + at as u64 - count, deadline);
                match counter {
                    Some(counter) => Written::counted(version, counter),
                    None => Written::set(version),
                }
            }
            Outcome::Deletes => Written::deleted(true),
            Outcome::Nothing => Written::deleted(false),
        });
        written.collect()
    }
}
