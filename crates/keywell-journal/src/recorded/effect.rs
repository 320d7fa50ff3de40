//! A write of a component, whichever method it came by.

use keywell_store::{
    Action, Change, Check, Error as StoreError, Expected, Invalid, Result as StoreResult, Set,
    Swap, Transacted, Version, Write, Written,
};
use serde::{Deserialize, Serialize};

/// Checks and writes, as a transaction has them.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    pub(super) checks: Vec<Check>,
    pub(super) writes: Vec<Write>,
    /// The method that does it in a store without transactions.
    pub(super) method: Method,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Set,
    Delete,
    Swap,
    /// With the time to live of a counter that it creates.
    Increment(Set),
    SetMany,
    DeleteMany,
    Transact,
}

/// How an interrupted effect can be settled, as it is recorded before the effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Intent {
    /// It is in the same transaction as this, and its counters have these values.
    Joined(Vec<Option<i64>>),
    /// It is in the same transaction as a receipt.
    Receipt,
    /// Each write is a swap on this version; none for one that was done before.
    Swaps(Vec<Option<Expected>>),
    /// Not at all.
    Plain,
}

// === impl Method ===

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Swap => "swap",
            Self::Increment(_) => "increment",
            Self::SetMany => "set-many",
            Self::DeleteMany => "delete-many",
            Self::Transact => "transact",
        }
    }

    pub(super) fn is_batch(self) -> bool {
        matches!(self, Self::SetMany | Self::DeleteMany)
    }
}

// === impl Effect ===

impl Effect {
    /// Whether it writes whatever is there, so that it can be a swap on what is there.
    pub(super) fn is_blind(&self) -> bool {
        !matches!(
            self.method,
            Method::Swap | Method::Increment(_) | Method::Transact
        )
    }

    /// What can be known of its writes once it has happened: versions only where the key has the
    /// value that it wrote.
    pub(super) fn written(
        &self,
        counters: &[Option<i64>],
        found: Vec<Option<keywell_store::Entry>>,
    ) -> StoreResult<Transacted> {
        let writes = self.writes.iter().enumerate().zip(found);
        let written = writes.map(|((at, write), found)| {
            let (value, counter) = match &write.action {
                Action::Change(Change::Delete) => return Ok(Written::deleted(true)),
                Action::Change(Change::Set(value, _)) => (value.clone(), None),
                Action::Increment(_) => {
                    let number = match (counters.get(at), &found) {
                        (Some(Some(number)), _) => *number,
                        (_, Some(entry)) => keywell_store::counter::number(&entry.value)?,
                        (_, None) => return Err(StoreError::Invalid(Invalid::NotANumber)),
                    };
                    (keywell_store::counter::text(number), Some(number))
                }
            };
            let version = found.filter(|entry| entry.value == value);
            let version = version.map_or_else(unknown, |entry| entry.version);
            Ok(Written {
                counter: counter.or(counters.get(at).copied().flatten()),
                ..Written::set(version)
            })
        });
        written.collect::<StoreResult<_>>().map(Transacted::Done)
    }
}

/// A version that no write has.
pub(super) fn unknown() -> Version {
    Version::from(0)
}

/// The first of what a transaction wrote.
pub(super) fn first(transacted: Transacted) -> StoreResult<Option<Written>> {
    match transacted {
        Transacted::Done(written) => match written.into_iter().next() {
            Some(written) => Ok(Some(written)),
            None => Err(StoreError::Internal("a write has no outcome".into())),
        },
        Transacted::Stale(_) => Ok(None),
    }
}

/// How a swap ended that was a transaction.
pub(super) fn swapped(transacted: Transacted) -> StoreResult<Swap> {
    Ok(first(transacted)?.map_or(Swap::Stale, |written| Swap::Done(written.version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intents_keep_their_bytes() {
        let at = Expected::At(Version::from(7));
        for (intent, bytes) in [
            (Intent::Joined(vec![Some(-1), None]), &[0, 2, 1, 1, 0][..]),
            (Intent::Receipt, &[1]),
            (
                Intent::Swaps(vec![Some(Expected::Absent), Some(at), None]),
                &[2, 3, 1, 0, 1, 1, 0, 7, 0],
            ),
            (Intent::Plain, &[3]),
        ] {
            assert_eq!(postcard::to_stdvec(&intent).unwrap(), bytes);
            assert_eq!(postcard::from_bytes::<Intent>(bytes).unwrap(), intent);
        }
    }
}
