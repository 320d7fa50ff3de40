use bytes::Bytes;
use keywell_store::{Action, BucketName, Change, Check, Result, Set, Swap, Transacted, Write};

use crate::limits::{LIMITS, TRANSACTING};

/// Writes that happen as one if all checks hold. Every call that writes becomes one of these.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    pub(crate) checks: Vec<Check>,
    pub(crate) steps: Vec<Step>,
}

/// One write of a unit.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) bucket: BucketName,
    pub(crate) key: String,
    pub(crate) act: Act,
}

/// What a step does to its key. Times to live are in milliseconds.
#[derive(Debug)]
pub(crate) enum Act {
    Set(Bytes, Option<u64>),
    Delete,
    /// Adds to a counter. The time to live is that of a key that it creates.
    Increment(i64, Option<u64>),
}

// === impl Unit ===

impl Unit {
    /// A unit of one step that always happens.
    pub(crate) fn of(step: Step) -> Self {
        Self {
            checks: Vec::new(),
            steps: vec![step],
        }
    }

    /// Whether it neither checks nor changes anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.checks.is_empty() && self.steps.is_empty()
    }

    /// A transaction, each of whose operations is one that a single call could be.
    pub(crate) fn transaction(checks: Vec<Check>, writes: Vec<Write>) -> Result<Self> {
        TRANSACTING.check(&checks, &writes)?;
        for check in &checks {
            LIMITS.check_length(&check.key)?;
        }
        let steps = writes.into_iter().map(|write| {
            let act = match write.action {
                Action::Change(Change::Set(value, how)) => Act::set(&write.key, value, how)?,
                Action::Change(Change::Delete) => Act::Delete,
                Action::Increment(delta) => Act::increment(&write.key, delta, Set::default())?,
            };
            let (bucket, key) = (write.bucket, write.key);
            Ok(Step { bucket, key, act })
        });
        let steps = steps.collect::<Result<_>>()?;
        Ok(Self { checks, steps })
    }
}

// === impl Step ===

impl Step {
    /// About how many bytes its change has.
    pub(crate) fn size(&self) -> usize {
        let value = match &self.act {
            Act::Set(value, _) => value.len(),
            Act::Delete | Act::Increment(..) => 0,
        };
        self.bucket.as_str().len() + self.key.len() + value
    }
}

// === impl Act ===

impl Act {
    /// A set that the limits allow.
    pub(crate) fn set(key: &str, value: Bytes, how: Set) -> Result<Self> {
        LIMITS.check_entry(key, &value)?;
        Ok(Self::Set(value, how.ttl_millis()?))
    }

    /// The time to live of what it writes.
    pub(crate) fn ttl_millis(&self) -> Option<u64> {
        match self {
            Self::Set(_, ttl) | Self::Increment(_, ttl) => *ttl,
            Self::Delete => None,
        }
    }

    /// An increment that the limits allow.
    pub(crate) fn increment(key: &str, delta: i64, created: Set) -> Result<Self> {
        LIMITS.check_length(key)?;
        Ok(Self::Increment(delta, created.ttl_millis()?))
    }
}

/// The outcome of a swap, which is a unit of one check and one step.
pub(crate) fn swapped(outcome: Transacted) -> Swap {
    match outcome {
        Transacted::Done(written) => {
            let version = written
                .into_iter()
                .next()
                .and_then(|written| written.version);
            Swap::Done(version)
        }
        Transacted::Stale(_) => Swap::Stale,
    }
}
