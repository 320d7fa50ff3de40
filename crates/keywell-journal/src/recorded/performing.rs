//! Which way an effect goes.

use keywell_store::{
    Action, Answer, Cas, Change, Error as StoreError, Expected, Result as StoreResult, Swap,
    Transacted, Transacting, Written,
};

use crate::call::{Begun, Call};
use crate::error::Error;
use crate::journal::Appended;
use crate::record::Decision;

use super::answered::decode;
use super::effect::{Effect, Intent, Method};
use super::plain::{self, answer, intent, settle};
use super::receipted;
use super::settling::{ATTEMPTS, busy, counted, look, plan};
use super::site::Site;
use super::swapping;

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
        (Intent::Receipt, _) => receipted::resume(site, call, effect).await,
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
                receipted::perform(site, call, effect).await
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
                return settle(call, Ok(counted(written, &counters))).await;
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
