//! Looking at what an effect will do, and at what it did.

use keywell_store::{
    Action, Change, Check, Error as StoreError, Expected, Result as StoreResult, Transacted, Write,
    Written, counter,
};

use crate::error::Error;
use crate::journal::Joined;

use super::effect::{Effect, Method};
use super::site::Site;

/// How often a write is tried that others overtake, or that is not answered.
pub(super) const ATTEMPTS: usize = 32;

pub(super) fn busy() -> StoreError {
    StoreError::Unavailable("others write the key too often".into())
}

/// With the counters that were computed before, also of one that was created with a time to live.
pub(super) fn counted(written: Vec<Written>, counters: &[Option<i64>]) -> Transacted {
    let written = written.into_iter().zip(counters);
    let written = written.map(|(written, counter)| Written {
        counter: written.counter.or(*counter),
        ..written
    });
    Transacted::Done(written.collect())
}

/// Checks and writes whose counters are known before: each increment has the check that its key is
/// as it was read.
pub(super) async fn plan(site: &Site, effect: &Effect) -> StoreResult<(Joined, Vec<Option<i64>>)> {
    let mut joined = Joined {
        checks: effect.checks.clone(),
        writes: Vec::with_capacity(effect.writes.len() + 1),
    };
    let mut counters = Vec::with_capacity(effect.writes.len());
    for write in &effect.writes {
        let Action::Increment(delta) = write.action else {
            joined.writes.push(write.clone());
            counters.push(None);
            continue;
        };
        let bucket = site.bucket(&write.bucket).await?;
        let found = bucket.get(&write.key).await?;
        let number = counter::add(found.as_ref().map(|entry| &entry.value[..]), delta)?;
        let is_checked = effect
            .checks
            .iter()
            .any(|check| check.bucket == write.bucket && check.key == write.key);
        if !is_checked {
            joined.checks.push(Check {
                bucket: write.bucket.clone(),
                key: write.key.clone(),
                expected: Expected::from(found.as_ref()),
            });
        }
        let action = match (effect.method, &found) {
            (Method::Increment(created), None) if created.ttl.is_some() => {
                Action::Change(Change::Set(counter::text(number), created))
            }
            _ => write.action.clone(),
        };
        joined.writes.push(Write {
            action,
            ..write.clone()
        });
        counters.push(Some(number));
    }
    Ok((joined, counters))
}

/// How an effect ended that has happened, as far as the store shows it.
///
/// # Errors
///
/// The session has failed, as the store did not answer.
pub(super) async fn look(
    site: &Site,
    effect: &Effect,
    counters: &[Option<i64>],
) -> Result<StoreResult<Transacted>, Error> {
    let mut found = Vec::with_capacity(effect.writes.len());
    for write in &effect.writes {
        let read = async { site.bucket(&write.bucket).await?.get(&write.key).await };
        match read.await {
            Ok(entry) => found.push(entry),
            // A list or a set by now.
            Err(StoreError::Invalid(_)) => found.push(None),
            Err(error) => return Err(site.lose(error).await),
        }
    }
    Ok(effect.written(counters, found))
}
