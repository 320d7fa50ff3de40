//! An effect in one transaction with its receipt.

use keywell_store::{
    Action, Change, Entry, Error as StoreError, Expected, Result as StoreResult, Transacted, Write,
};

use crate::call::Call;
use crate::error::Error;

use super::effect::{Effect, Intent};
use super::plain::{answer, intent, settle};
use super::receipt::{self, Place};
use super::settling::{ATTEMPTS, busy, counted, look, plan};
use super::site::Site;

pub(super) async fn perform(
    site: &Site,
    call: &Call,
    effect: &Effect,
) -> Result<StoreResult<Transacted>, Error> {
    // Before the intent: once that is committed, no other process has written since.
    let (place, found) = match read(site).await {
        Ok(read) => read,
        Err(error) => return answer(call, Err(error)).await,
    };
    call.intend(intent(&Intent::Receipt)).await?;
    let before = Expected::from(found.as_ref());
    transact(site, call, effect, (&place, before)).await
}

/// Goes on with one that was interrupted.
pub(super) async fn resume(
    site: &Site,
    call: &Call,
    effect: &Effect,
) -> Result<StoreResult<Transacted>, Error> {
    let (place, found) = match read(site).await {
        Ok(read) => read,
        Err(error) => return Err(site.lose(error).await),
    };
    if let Some(counters) = happened(site, call, found.as_ref()).await? {
        let outcome = look(site, effect, &counters).await?;
        return settle(call, outcome).await;
    }
    let before = Expected::from(found.as_ref());
    let own = place.write(call.id(), call.epoch().await?, None);
    let taken = site
        .store
        .transact(vec![place.check(before)], vec![own.clone()])
        .await;
    let found = match (taken, place.read().await) {
        (Ok(_) | Err(StoreError::Ambiguous(_) | StoreError::Internal(_)), Ok(found)) => found,
        (Err(error), _) | (_, Err(error)) => return Err(site.lose(error).await),
    };
    if let Some(counters) = happened(site, call, found.as_ref()).await? {
        let outcome = look(site, effect, &counters).await?;
        return settle(call, outcome).await;
    }
    match found {
        Some(found) if holds(&found, &own) => {
            let before = Expected::from(Some(&found));
            transact(site, call, effect, (&place, before)).await
        }
        _ => Err(site.lose(another()).await),
    }
}

/// Writes, unless the receipt is another than it was.
async fn transact(
    site: &Site,
    call: &Call,
    effect: &Effect,
    (place, before): (&Place, Expected),
) -> Result<StoreResult<Transacted>, Error> {
    let epoch = call.epoch().await?;
    let mut is_sure = true;
    for _ in 0..ATTEMPTS {
        let (mut parts, counters) = match plan(site, effect).await {
            Ok(planned) => planned,
            Err(error) if is_sure => return settle(call, Err(error)).await,
            Err(error) => return Err(site.lose(error).await),
        };
        let own = parts.checks.len();
        parts.checks.push(place.check(before.clone()));
        let receipt = place.write(call.id(), epoch, Some(counters.clone()));
        parts.writes.push(receipt);
        let outcome = match site.store.transact(parts.checks, parts.writes).await {
            Ok(Transacted::Done(mut written)) => {
                written.truncate(effect.writes.len());
                return settle(call, Ok(counted(written, &counters))).await;
            }
            Ok(Transacted::Stale(at)) if at < effect.checks.len() => Some(Ok(at)),
            // A counter was changed by others.
            Ok(Transacted::Stale(at)) if is_sure && at != own => continue,
            Ok(Transacted::Stale(_)) => None,
            Err(StoreError::Ambiguous(_) | StoreError::Internal(_)) => {
                is_sure = false;
                None
            }
            Err(error) => Some(Err(error)),
        };
        if let (Some(outcome), true) = (&outcome, is_sure) {
            return settle(call, outcome.clone().map(Transacted::Stale)).await;
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
    // The next process that opens the worker takes the receipt over.
    Err(site.lose(busy()).await)
}

async fn read(site: &Site) -> StoreResult<(Place, Option<Entry>)> {
    let place = Place::of(site).await?;
    let found = place.read().await?;
    Ok((place, found))
}

/// The counters of a write, if there is its receipt.
async fn happened(
    site: &Site,
    call: &Call,
    found: Option<&Entry>,
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
fn holds(found: &Entry, write: &Write) -> bool {
    matches!(&write.action, Action::Change(Change::Set(value, _)) if *value == found.value)
}

fn another() -> StoreError {
    StoreError::Unavailable("another process goes on with the worker".into())
}
