//! Sets and deletions as swaps on the version that was recorded, in stores without transactions
//! over all buckets.
//!
//! However often a swap on one version is sent, and by whichever process, it happens once. If the
//! key has neither that version nor the value, then it was written by others since: that write
//! stays, and this one counts as done before it.

use keywell_store::{
    Action, Change, Entry, Error as StoreError, Expected, Result as StoreResult, Swap, Transacted,
    Write, Written,
};

use crate::call::Call;
use crate::error::Error;

use super::effect::{Effect, Intent, unknown};
use super::plain::{answer, intent, settle};
use super::settling::{ATTEMPTS, busy};
use super::site::Site;

/// The writes of an effect; some of them are done.
struct Swaps<'a> {
    site: &'a Site,
    effect: &'a Effect,
    done: Vec<Option<Written>>,
}

pub(super) async fn perform(
    site: &Site,
    call: &Call,
    effect: &Effect,
) -> Result<StoreResult<Transacted>, Error> {
    let mut swaps = Swaps::new(site, effect);
    for attempt in 0..ATTEMPTS {
        let expected = match swaps.read().await {
            Ok(expected) => expected,
            Err(error) if attempt == 0 => return answer(call, Err(error)).await,
            Err(error) => return settle(call, Err(swaps.failed(error))).await,
        };
        call.intend(intent(&Intent::Swaps(expected.clone())))
            .await?;
        match swaps.swap(&expected, true).await? {
            Ok(true) => return settle(call, Ok(swaps.transacted())).await,
            Ok(false) => {}
            Err(error) => return settle(call, Err(swaps.failed(error))).await,
        }
    }
    settle(call, Err(swaps.failed(busy()))).await
}

/// Goes on with one that was interrupted.
pub(super) async fn resume(
    site: &Site,
    call: &Call,
    effect: &Effect,
    expected: &[Option<Expected>],
) -> Result<StoreResult<Transacted>, Error> {
    let mut swaps = Swaps::new(site, effect);
    match swaps.swap(expected, false).await? {
        Ok(_) => settle(call, Ok(swaps.transacted())).await,
        Err(error) => settle(call, Err(swaps.failed(error))).await,
    }
}

// === impl Swaps ===

impl<'a> Swaps<'a> {
    fn new(site: &'a Site, effect: &'a Effect) -> Self {
        Self {
            site,
            effect,
            done: vec![None; effect.writes.len()],
        }
    }

    /// The versions of the keys that are left.
    async fn read(&self) -> StoreResult<Vec<Option<Expected>>> {
        let mut expected = Vec::with_capacity(self.done.len());
        for (write, done) in self.effect.writes.iter().zip(&self.done) {
            expected.push(match done {
                Some(_) => None,
                None => Some(Expected::from(found(self.site, write).await?.as_ref())),
            });
        }
        Ok(expected)
    }

    /// Writes what is left. `is_first` says that nothing was sent on these versions before, so that
    /// a stale swap has not written. Whether all is done; if not, others wrote a key before it.
    async fn swap(
        &mut self,
        expected: &[Option<Expected>],
        is_first: bool,
    ) -> Result<StoreResult<bool>, Error> {
        for (at, write) in self.effect.writes.iter().enumerate() {
            if self.done[at].is_some() {
                continue;
            }
            let written = match expected.get(at) {
                Some(Some(expected)) => self.swap_one(write, expected, is_first).await?,
                // Done before the last intent.
                _ => match found(self.site, write).await {
                    Ok(found) => Ok(Some(written(write, found))),
                    Err(error) => return Err(self.site.lose(error).await),
                },
            };
            match written {
                Ok(Some(written)) => self.done[at] = Some(written),
                Ok(None) => return Ok(Ok(false)),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(true))
    }

    /// None if others wrote before it.
    async fn swap_one(
        &self,
        write: &Write,
        expected: &Expected,
        is_first: bool,
    ) -> Result<StoreResult<Option<Written>>, Error> {
        let Action::Change(change) = &write.action else {
            return Ok(Err(StoreError::Internal("an increment is no swap".into())));
        };
        let mut is_sure = is_first;
        for _ in 0..ATTEMPTS {
            let bucket = match self.site.bucket(&write.bucket).await {
                Ok(bucket) => bucket,
                Err(error) => return Err(self.site.lose(error).await),
            };
            let swap = bucket.swap(&write.key, expected.clone(), change.clone());
            match swap.await {
                Ok(Swap::Done(Some(version))) => return Ok(Ok(Some(Written::set(version)))),
                Ok(Swap::Done(None)) => return Ok(Ok(Some(Written::deleted(true)))),
                Ok(Swap::Stale) if is_sure => return Ok(Ok(None)),
                Ok(Swap::Stale) => match found(self.site, write).await {
                    Ok(found) => return Ok(Ok(Some(written(write, found)))),
                    Err(error) => return Err(self.site.lose(error).await),
                },
                // It may be on its way; sent again on the same version, one of them is stale.
                Err(StoreError::Ambiguous(_) | StoreError::Internal(_)) => is_sure = false,
                Err(error) if is_sure => return Ok(Err(error)),
                Err(error) => return Err(self.site.lose(error).await),
            }
        }
        let error = StoreError::Unavailable("a swap is not answered".into());
        Err(self.site.lose(error).await)
    }

    fn transacted(self) -> Transacted {
        Transacted::Done(self.done.into_iter().flatten().collect())
    }

    /// The error of a batch, some of which may be done.
    fn failed(&self, error: StoreError) -> StoreError {
        if self.done.iter().any(Option::is_some) {
            error.of_a_part()
        } else {
            error
        }
    }
}

async fn found(site: &Site, write: &Write) -> StoreResult<Option<Entry>> {
    site.bucket(&write.bucket).await?.get(&write.key).await
}

/// What a write did that has happened, by what is there since.
fn written(write: &Write, found: Option<Entry>) -> Written {
    match &write.action {
        Action::Change(Change::Set(value, _)) => {
            let own = found.filter(|entry| entry.value == *value);
            Written::set(own.map_or_else(unknown, |entry| entry.version))
        }
        _ => Written::deleted(true),
    }
}
