use std::collections::BTreeMap;
use std::fmt;

use keywell_store::Cas;
use serde::{Deserialize, Serialize};

use super::violation::Violation;
use super::{search, shrink};

/// What a client asked of a key. Values are text, and so are versions: histories are read by people
/// and cross between processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asked {
    /// The value and the version.
    Get,
    /// Whether it is there.
    Exists,
    /// This value be written.
    Set(String),
    /// It be removed.
    Delete,
    /// It be changed if nobody else did.
    Swap {
        /// The version that it must have; `None` where it must be absent.
        expected: Option<String>,
        /// The new value; `None` removes it.
        change: Option<String>,
    },
    /// This be added.
    Increment(i64),
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// Value and version; `None` where there is no such key.
    Entry(Option<(String, String)>),
    /// Whether it is there.
    Exists(bool),
    /// Set, at this version.
    Set(String),
    /// Removed.
    Deleted,
    /// Swapped; at this version, or removed.
    Swapped(Option<String>),
    /// Not swapped, since the expectation did not hold.
    Stale,
    /// Added; this is the sum.
    Sum(i64),
    /// Not added, since the value is no number.
    NotANumber,
    /// Not added, since the sum would be out of range.
    Overflow,
    /// An error that promises that nothing happened.
    Refused(String),
    /// An error that does not: it may have happened, and may yet happen.
    Ambiguous(String),
}

/// One question, and the answer if there was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who asked.
    pub client: usize,
    /// About which key.
    pub key: String,
    /// What was asked.
    pub asked: Asked,
    /// When, on the clock of the history.
    pub invoked: u64,
    /// What was told and when; `None` where the client died first.
    pub told: Option<(Told, u64)>,
}

/// What clients asked of a bucket, and what they were told.
///
/// Every key was absent before its first operation.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The operations, in any order.
    pub operations: Vec<Operation>,
    /// What swaps of the store compare.
    pub cas: Cas,
}

// === impl Operation ===

impl Operation {
    /// The answer, unless it leaves open what happened.
    pub(super) fn answer(&self) -> Option<(&Told, u64)> {
        match &self.told {
            None | Some((Told::Ambiguous(_), _)) => None,
            Some((told, returned)) => Some((told, *returned)),
        }
    }

    /// Whether no other operation can notice if it is left out, whatever the state was.
    pub(super) fn is_without_effect(&self) -> bool {
        match (&self.asked, &self.told) {
            (Asked::Get | Asked::Exists, _) => true,
            (_, Some((told, _))) => matches!(
                told,
                Told::Stale | Told::NotANumber | Told::Overflow | Told::Refused(_)
            ),
            (_, None) => false,
        }
    }

    /// Whether it tells something about the key or may have changed it.
    fn is_evidence(&self) -> bool {
        match self.answer() {
            Some((Told::Refused(_), _)) => false,
            Some(_) => true,
            None => !self.is_without_effect(),
        }
    }
}

// === impl History ===

impl History {
    /// Looks, key by key, for an order of the operations that explains every answer.
    ///
    /// It takes memory and time exponential in how many operations of one key overlap, and each
    /// unanswered write overlaps all after it: keep those below a dozen a key.
    ///
    /// # Errors
    ///
    /// The [`Violation`] of the key with the shortest story.
    pub fn check(&self) -> Result<(), Box<Violation>> {
        let stories = self.by_key().into_iter().filter_map(|(key, operations)| {
            let by_value = self.cas == Cas::ByValue;
            if search::is_linearizable(None, &operations, by_value) {
                return None;
            }
            let asked = operations.len();
            let (before, operations) = shrink::shrink(operations, by_value);
            Some(Violation::new(key, before, operations, asked))
        });
        match stories.min_by_key(|violation| violation.operations().len()) {
            None => Ok(()),
            Some(violation) => Err(Box::new(violation)),
        }
    }

    /// What each key was asked, without what says nothing of it.
    pub(super) fn by_key(&self) -> BTreeMap<&str, Vec<Operation>> {
        let mut keys: BTreeMap<&str, Vec<Operation>> = BTreeMap::new();
        for operation in &self.operations {
            if operation.is_evidence() {
                let of_key = keys.entry(&operation.key).or_default();
                of_key.push(operation.clone());
            }
        }
        keys
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get => f.write_str("get"),
            Self::Exists => f.write_str("exists"),
            Self::Set(value) => write!(f, "set {value:?}"),
            Self::Delete => f.write_str("delete"),
            Self::Swap { expected, change } => {
                match expected {
                    Some(version) => write!(f, "swap #{version} ")?,
                    None => f.write_str("swap absent ")?,
                }
                match change {
                    Some(value) => write!(f, "for {value:?}"),
                    None => f.write_str("for nothing"),
                }
            }
            Self::Increment(delta) => write!(f, "increment {delta}"),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(None) => f.write_str("absent"),
            Self::Entry(Some((value, version))) => write!(f, "{value:?} #{version}"),
            Self::Exists(there) => write!(f, "{there}"),
            Self::Deleted | Self::Swapped(None) => f.write_str("done"),
            Self::Set(version) | Self::Swapped(Some(version)) => write!(f, "done #{version}"),
            Self::Stale => f.write_str("stale"),
            Self::Sum(sum) => write!(f, "{sum}"),
            Self::NotANumber => f.write_str("not a number"),
            Self::Overflow => f.write_str("overflow"),
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::Ambiguous(error) => write!(f, "ambiguous: {error}"),
        }
    }
}
