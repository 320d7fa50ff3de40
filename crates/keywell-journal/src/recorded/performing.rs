//! Which way an effect goes.

use keywell_store::{
    Action, Answer, Cas, Change, Error as StoreError, Expected, Result as StoreResult, Swap,
    Transacted, Transacting, Written,
};

use crate::call::{Begun, Call};
use crate::error::Error;
use crate::journal::Appended;
use crate::record::Decision;

use super::answered::{decode, encode};
use super::effect::{Effect, Intent, Method};
use super::plain::{self, intent, settle};
use super::receipt;
use super::settling::{look, plan};
use super::site::Site;
use super::swapping;

/// How often a transaction is tried that others overtake, or that is not answered.
const ATTEMPTS: usize = 32;

/// Has an effect, or answers with what was recorded of it.
pub(super) async fn perform(
    site: &Site,
    call: &Call,
    effect: &Effect,
) -> Result<StoreResult<Transacted>, Error> {
    let begun = call.begin().await?;
    if let Begun::Answer(outcome) = &begun {
        return Ok(decode(outcome));
    }
    let _turn = site.session.shared().writing.lock().await;
    let Begun::Interrupted {
        intent,
        position,
        decision,
    } = begun
    else {
        return begin(site, call, effect).await;
    };
    let intent = postcard::from_bytes(&intent).map_err(|_| Error::Corrupt {
        worker: site.session.worker().to_string(),
        place: format!("record {position}"),
        why: "has an intent that cannot be read",
    })?;
    match (intent, decision) {
        (Intent::Joined(counters), _) => {
            let outcome = look(site, effect, &counters).await?;
            settle(call, outcome).await
        }
        (Intent::Receipt, _) => with_receipt(site, call, effect, Some(position)).await,
        (Intent::Swaps(expected), _) => swapping::resume(site, call, effect, &expected).await,
        (Intent::Plain, decision) => match plain::resume(call, position, decision).await? {
            Some(outcome) => Ok(outcome),
            None if decision == Some(Decision::Applied) => {
                let outcome = look(site, effect, &[]).await?;
                settle(call, outcome).await
            }
            None => in_doubt(site, call, effect).await,
        },
    }
}

async fn begin(
    site: &Site,
    call: &Call,
    effect: &Effect,
) -> Result<StoreResult<Transacted>, Error> {
    if effect.writes.is_empty() && effect.checks.is_empty() {
        return answer(call, Ok(Transacted::Done(Vec::new()))).await;
    }
    let buckets = effect.writes.iter().map(|write| &write.bucket);
    let mut buckets = buckets.chain(effect.checks.iter().map(|check| &check.bucket));
    let bucket = buckets.next().expect("it has a part");
    let capabilities = match site.capabilities(bucket).await {
        Ok(capabilities) => capabilities,
        Err(error) => return answer(call, Err(error)).await,
    };
    if let Method::Increment(created) = effect.method {
        let refused = match created.ttl_millis() {
            Err(error) => Some(error),
            Ok(Some(_)) if !capabilities.ttl => Some(StoreError::Unsupported("a time to live")),
            Ok(_) => None,
        };
        if let Some(error) = refused {
            return answer(call, Err(error)).await;
        }
    }
    if let Transacting::Store { operations, bytes } = capabilities.transact {
        // A check for each counter, the receipt's check and write, and what it holds.
        let own = 2 + effect.writes.len();
        let receipt = 1024 + 16 * effect.writes.len();
        let most = Transacting::Store {
            operations: operations.saturating_sub(own),
            bytes: bytes.saturating_sub(receipt),
        };
        if most.check(&effect.checks, &effect.writes).is_ok() {
            return if may_join(site, call, effect).await? {
                joined(site, call, effect).await
            } else {
                with_receipt(site, call, effect, None).await
            };
        }
        if effect.method.is_batch() {
            return in_doubt(site, call, effect).await;
        }
    }
    if capabilities.cas == Cas::ByVersion && effect.is_blind() {
        return swapping::perform(site, call, effect).await;
    }
    in_doubt(site, call, effect).await
}

/// Whether the journal is in the same store, and there is room in its transaction.
async fn may_join(site: &Site, call: &Call, effect: &Effect) -> Result<bool, Error> {
    let parts = crate::journal::Joined {
        checks: effect.checks.clone(),
        writes: effect.writes.clone(),
    };
    Ok(site.store.id().is_some()
        && call.store().await? == site.store.id()
        && call.has_room(&parts).await?)
}

/// In one transaction with the record of it.
async fn joined(
    site: &Site,
    call: &Call,
    effect: &Effect,
) -> Result<StoreResult<Transacted>, Error> {
    for _ in 0..ATTEMPTS {
        let (joined, counters) = match plan(site, effect).await {
            Ok(planned) => planned,
            Err(error) => return answer(call, Err(error)).await,
        };
        let recorded = intent(&Intent::Joined(counters.clone()));
        let (_, appended) = call.intend_with(recorded, joined).await?;
        match appended {
            Appended::Done(Some(written)) => {
                return settle(call, Ok(Transacted::Done(counted(written, &counters)))).await;
            }
            Appended::Done(None) => {
                let outcome = look(site, effect, &counters).await?;
                return settle(call, outcome).await;
            }
            Appended::Stale(at) if at < effect.checks.len() => {
                return answer(call, Ok(Transacted::Stale(at))).await;
            }
            Appended::Stale(_) => {}
            Appended::Refused(error) => return answer(call, Err(error)).await,
        }
    }
    answer(call, Err(busy())).await
}

/// In one transaction with a receipt. `begun` is the position of its intent, if it was interrupted.
async fn with_receipt(
    site: &Site,
    call: &Call,
    effect: &Effect,
    begun: Option<u64>,
) -> Result<StoreResult<Transacted>, Error> {
    let read = async {
        let place = receipt::Place::of(site).await?;
        let found = place.read().await?;
        Ok((place, found))
    };
    // Before the intent: once that is committed, no other process has written since.
    let (place, found) = match read.await {
        Ok(read) => read,
        Err(error) if begun.is_none() => return answer(call, Err(error)).await,
        Err(error) => return Err(site.lose(error).await),
    };
    let epoch = call.epoch().await?;
    let mut before = Expected::from(found.as_ref());
    match begun {
        None => drop(call.intend(intent(&Intent::Receipt)).await?),
        Some(_) => {
            if let Some(counters) = happened(site, call, found.as_ref()).await? {
                let outcome = look(site, effect, &counters).await?;
                return settle(call, outcome).await;
            }
            let (check, write) = (place.check(before), place.write(call.id(), epoch, None));
            let taken = site.store.transact(vec![check], vec![write.clone()]).await;
            let found = match (taken, place.read().await) {
                (Ok(_) | Err(StoreError::Ambiguous(_) | StoreError::Internal(_)), Ok(found)) => {
                    found
                }
                (Err(error), _) | (_, Err(error)) => return Err(site.lose(error).await),
            };
            if let Some(counters) = happened(site, call, found.as_ref()).await? {
                let outcome = look(site, effect, &counters).await?;
                return settle(call, outcome).await;
            }
            if !found.as_ref().is_some_and(|found| holds(found, &write)) {
                return Err(site.lose(another()).await);
            }
            before = Expected::from(found.as_ref());
        }
    }
    // From here on, nobody else writes the receipt as it was before.
    let mut is_sure = true;
    for _ in 0..ATTEMPTS {
        let (mut parts, counters) = match plan(site, effect).await {
            Ok(planned) => planned,
            Err(error) if is_sure => return settle(call, Err(error)).await,
            Err(error) => return Err(site.lose(error).await),
        };
        parts.checks.push(place.check(before.clone()));
        let receipt = place.write(call.id(), epoch, Some(counters.clone()));
        parts.writes.push(receipt);
        let own = parts.checks.len() - 1;
        let outcome = match site.store.transact(parts.checks, parts.writes).await {
            Ok(Transacted::Done(mut written)) => {
                written.truncate(effect.writes.len());
                let written = counted(written, &counters);
                return settle(call, Ok(Transacted::Done(written))).await;
            }
            Ok(Transacted::Stale(at)) if at < effect.checks.len() => {
                Some(Ok(Transacted::Stale(at)))
            }
            // A counter was changed by others, or the receipt.
            Ok(Transacted::Stale(at)) if is_sure && at != own => continue,
            Ok(Transacted::Stale(_)) => None,
            Err(StoreError::Ambiguous(_) | StoreError::Internal(_)) => {
                is_sure = false;
                None
            }
            Err(error) => Some(Err(error)),
        };
        if let (Some(outcome), true) = (&outcome, is_sure) {
            return settle(call, outcome.clone()).await;
        }
        // An earlier attempt may have happened.
        let found = match place.read().await {
            Ok(found) => found,
            Err(error) => return Err(site.lose(error).await),
        };
        if let Some(counters) = happened(site, call, found.as_ref()).await? {
            let outcome = look(site, effect, &counters).await?;
            return settle(call, outcome).await;
        }
        if Expected::from(found.as_ref()) != before {
            return Err(site.lose(another()).await);
        }
        if let Some(Err(error)) = outcome {
            return Err(site.lose(error).await);
        }
    }
    if is_sure {
        return settle(call, Err(busy())).await;
    }
    // Whoever opens the worker next takes the receipt over.
    Err(site.lose(busy()).await)
}

/// The counters of a write, if there is its receipt.
async fn happened(
    site: &Site,
    call: &Call,
    found: Option<&keywell_store::Entry>,
) -> Result<Option<Vec<Option<i64>>>, Error> {
    match receipt::counters(found, call.id()) {
        Ok(counters) => Ok(counters),
        Err(why) => {
            let what = format!("the receipt of a worker {why}");
            Err(site.lose(StoreError::Corrupt(what.into())).await)
        }
    }
}

/// Whether an entry is what a write wrote.
fn holds(found: &keywell_store::Entry, write: &keywell_store::Write) -> bool {
    matches!(&write.action, Action::Change(Change::Set(value, _)) if *value == found.value)
}

fn another() -> StoreError {
    StoreError::Unavailable("another process goes on with the worker".into())
}

/// By its own method, once.
async fn in_doubt(
    site: &Site,
    call: &Call,
    effect: &Effect,
) -> Result<StoreResult<Transacted>, Error> {
    let bucket = match effect.writes.first() {
        Some(write) => match site.bucket(&write.bucket).await {
            Ok(bucket) => Some(bucket),
            Err(error) => return answer(call, Err(error)).await,
        },
        None => None,
    };
    plain::perform(call, || {
        let done = |written| Transacted::Done(vec![written]);
        let (Some(bucket), Some(write)) = (bucket, effect.writes.first()) else {
            return site.store.transact(effect.checks.clone(), Vec::new());
        };
        let keys = effect.writes.iter().map(|write| &*write.key);
        match (effect.method, &write.action) {
            (Method::Set, Action::Change(Change::Set(value, how))) => bucket
                .set(&write.key, value.clone(), *how)
                .map(move |version| done(Written::set(version))),
            (Method::Delete, _) => bucket
                .delete(&write.key)
                .map(move |()| done(Written::deleted(true))),
            (Method::Swap, Action::Change(change)) => {
                let expected = effect.checks.first().map(|check| check.expected.clone());
                let expected = expected.unwrap_or(Expected::Absent);
                let swap = bucket.swap(&write.key, expected, change.clone());
                swap.map(move |swap| match swap {
                    Swap::Done(Some(version)) => done(Written::set(version)),
                    Swap::Done(None) => done(Written::deleted(true)),
                    Swap::Stale => Transacted::Stale(0),
                })
            }
            (Method::Increment(created), Action::Increment(delta)) => bucket
                .increment_or_create(&write.key, *delta, created)
                .map(move |number| {
                    done(Written {
                        version: None,
                        counter: Some(number),
                        has_changed: true,
                    })
                }),
            (Method::DeleteMany, _) => {
                let keys: Vec<_> = keys.collect();
                let deleted = keys.iter().map(|_| Written::deleted(true)).collect();
                bucket
                    .delete_many(&keys)
                    .map(move |()| Transacted::Done(deleted))
            }
            (Method::SetMany, _) => {
                let entries: Vec<_> = effect.writes.iter().filter_map(entry).collect();
                let set = entries
                    .iter()
                    .map(|_| Written::set(super::effect::unknown()));
                let set = set.collect();
                bucket
                    .set_many(entries)
                    .map(move |()| Transacted::Done(set))
            }
            _ => site
                .store
                .transact(effect.checks.clone(), effect.writes.clone()),
        }
    })
    .await
}

fn entry(write: &keywell_store::Write) -> Option<(&str, bytes::Bytes)> {
    match &write.action {
        Action::Change(Change::Set(value, _)) => Some((&write.key, value.clone())),
        _ => None,
    }
}

/// Records the outcome of an effect that was not begun.
async fn answer(
    call: &Call,
    outcome: StoreResult<Transacted>,
) -> Result<StoreResult<Transacted>, Error> {
    call.answered(encode(&outcome)).await?;
    Ok(outcome)
}

/// With the counters that were computed before, also of one that was created with a time to live.
fn counted(written: Vec<Written>, counters: &[Option<i64>]) -> Vec<Written> {
    let written = written.into_iter().zip(counters);
    written
        .map(|(written, counter)| Written {
            counter: written.counter.or(*counter),
            ..written
        })
        .collect()
}

fn busy() -> StoreError {
    StoreError::Unavailable("others write the key too often".into())
}

/// An operation on a list or a set, which no transaction has.
pub(super) async fn collect(
    site: &Site,
    call: &Call,
    ask: impl Fn() -> Answer<keywell_store::Collected>,
) -> Result<StoreResult<keywell_store::Collected>, Error> {
    let begun = call.begin().await?;
    if let Begun::Answer(outcome) = &begun {
        return Ok(decode(outcome));
    }
    let _turn = site.session.shared().writing.lock().await;
    match begun {
        Begun::Answer(outcome) => Ok(decode(&outcome)),
        Begun::Fresh => plain::perform(call, ask).await,
        Begun::Interrupted {
            position, decision, ..
        } => match plain::resume(call, position, decision).await? {
            Some(outcome) => Ok(outcome),
            None if decision == Some(Decision::Applied) => {
                let why = "it was applied, and what it answered is unknown";
                settle(call, Err(StoreError::Ambiguous(why.into()))).await
            }
            None => plain::perform(call, ask).await,
        },
    }
}
