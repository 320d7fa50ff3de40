//! What transactions over several keys consist of.

use crate::{BucketName, Change, Error, Expected, Invalid, Result, Version};

/// A precondition of a transaction: what must hold of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The bucket of the key.
    pub bucket: BucketName,
    /// The key.
    pub key: String,
    /// What must hold of it.
    pub expected: Expected,
}

/// A write of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The bucket of the key.
    pub bucket: BucketName,
    /// The key.
    pub key: String,
    /// What happens to it.
    pub action: Action,
}

/// What a write of a transaction does to its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sets or deletes it, as a [swap](crate::Bucket::swap) does.
    Change(Change),
    /// Adds to a counter, as [`Bucket::increment`](crate::Bucket::increment) does.
    Increment(i64),
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transacted {
    /// All of it happened, at one instant: what each write did, in their order.
    Done(Vec<Written>),
    /// The check at this place did not hold, and nothing was written.
    Stale(usize),
}

/// What one write of a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The new version; `None` after a delete.
    pub version: Option<Version>,
    /// The value of the counter after an increment.
    pub counter: Option<i64>,
}

/// Over what a store can run transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transacting {
    /// Not at all.
    #[default]
    None,
    /// Over the keys of one bucket.
    Bucket {
        /// The most checks and writes of one transaction.
        operations: usize,
    },
    /// Over the keys of all buckets.
    Store {
        /// The most checks and writes of one transaction.
        operations: usize,
    },
}

/// One operation of a transaction, on its way through the layers of its bucket to the store.
pub struct Part {
    pub(crate) bucket: BucketName,
    /// The key. A layer that hides a prefix adds it.
    pub key: String,
    /// The operation.
    pub operation: Operation,
    pub(crate) settled: Vec<Settled>,
}

/// What one part of a transaction is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A check, which reads.
    Check(Expected),
    /// A write.
    Write(Action),
}

/// Called with the outcome once a transaction was run; dropped if it never is.
pub(crate) type Settled = Box<dyn FnOnce(&Result<Transacted>) + Send>;

// === impl Part ===

impl Part {
    /// An operation that no layer and no bucket has seen yet.
    pub(crate) fn new(key: &str, operation: Operation) -> Self {
        Self {
            bucket: BucketName::default(),
            key: key.to_owned(),
            operation,
            settled: Vec::new(),
        }
    }

    /// The part as an operation on the bucket of this name in the store, for the store's own bucket.
    #[must_use]
    pub fn of(self, bucket: BucketName) -> Self {
        Self { bucket, ..self }
    }

    /// Has a layer notified of the outcome of the transaction. The function is dropped without a
    /// call if the transaction is never run.
    pub fn on_settled(&mut self, settled: impl FnOnce(&Result<Transacted>) + Send + 'static) {
        self.settled.push(Box::new(settled));
    }

    /// Whether it writes.
    pub fn writes(&self) -> bool {
        matches!(self.operation, Operation::Write(_))
    }

    /// The value that it writes, if it writes one.
    pub fn value(&self) -> Option<&[u8]> {
        match &self.operation {
            Operation::Write(Action::Change(Change::Set(value, _))) => Some(value),
            Operation::Write(_) | Operation::Check(_) => None,
        }
    }
}

// === impl Transacting ===

impl Transacting {
    /// Checks the shape of a transaction against what is declared: its number of operations, its
    /// buckets, and that no key is written twice.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for buckets past what is declared, and
    /// [`Invalid::BatchTooLong`] or [`Invalid::WrittenTwice`].
    pub fn check(self, checks: &[Check], writes: &[Write]) -> Result<()> {
        let (max, is_wide) = match self {
            Self::None => return Err(Error::Unsupported("transactions")),
            Self::Bucket { operations } => (operations, false),
            Self::Store { operations } => (operations, true),
        };
        let keys = checks.len() + writes.len();
        if keys > max {
            return Err(Invalid::BatchTooLong { keys, max }.into());
        }
        let checked = checks.iter().map(|check| &check.bucket);
        let mut buckets = checked.chain(writes.iter().map(|write| &write.bucket));
        let first = buckets.next();
        if !is_wide && buckets.any(|bucket| Some(bucket) != first) {
            return Err(Error::Unsupported("transactions over several buckets"));
        }
        let mut written: Vec<_> = writes
            .iter()
            .map(|write| (&write.bucket, &write.key))
            .collect();
        written.sort_unstable();
        if written.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Invalid::WrittenTwice.into());
        }
        Ok(())
    }
}

// === impl Written ===

impl Written {
    /// A key was set, or deleted, which has no version.
    pub fn changed(version: Option<Version>) -> Self {
        Self {
            version,
            counter: None,
        }
    }

    /// A counter has this value now.
    pub fn counted(version: Version, counter: i64) -> Self {
        Self {
            version: Some(version),
            counter: Some(counter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Set;

    fn write(bucket: &str, key: &str) -> Write {
        Write {
            bucket: BucketName::parse(bucket).unwrap(),
            key: key.to_owned(),
            action: Action::Change(Change::Set("v".into(), Set::default())),
        }
    }

    fn check(bucket: &str, key: &str) -> Check {
        Check {
            bucket: BucketName::parse(bucket).unwrap(),
            key: key.to_owned(),
            expected: Expected::Absent,
        }
    }

    #[test]
    fn a_transaction_past_what_is_declared_is_refused() {
        let writes = [write("a", "k"), write("b", "k")];
        let wide = Transacting::Store { operations: 3 };
        wide.check(&[check("a", "k")], &writes).unwrap();
        let narrow = Transacting::Bucket { operations: 3 };
        narrow.check(&[check("a", "k")], &writes[..1]).unwrap();
        for refused in [
            narrow.check(&[], &writes),
            narrow.check(&[check("b", "x")], &writes[..1]),
            Transacting::None.check(&[], &writes[..1]),
        ] {
            assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
        }
        let long = wide.check(&[check("a", "k"), check("a", "l")], &writes);
        assert!(
            matches!(
                long,
                Err(Error::Invalid(Invalid::BatchTooLong { keys: 4, max: 3 }))
            ),
            "{long:?}"
        );
        let twice = wide.check(&[], &[write("a", "k"), write("a", "k")]);
        assert!(
            matches!(twice, Err(Error::Invalid(Invalid::WrittenTwice))),
            "{twice:?}"
        );
    }
}
