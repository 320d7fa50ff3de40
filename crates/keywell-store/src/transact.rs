//! What transactions over several keys consist of.

use crate::{BucketName, Change, Error, Expected, Invalid, Result, StoreId, Version};

/// A precondition of a transaction: what must hold of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Action {
    /// Sets or deletes it, as a [swap](crate::Bucket::swap) does.
    Change(Change),
    /// Adds to a counter, as [`Bucket::increment_or_create`](crate::Bucket::increment_or_create)
    /// does, without a time to live for a key that it creates.
    Increment(i64),
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Transacted {
    /// All of it happened, at one instant: what each write did, in their order.
    Done(Vec<Written>),
    /// The check at this place did not hold, and nothing was written.
    Stale(usize),
}

/// What one write of a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Written {
    /// The new version; `None` after a delete.
    pub version: Option<Version>,
    /// The value of the counter after an increment.
    pub counter: Option<i64>,
    /// Whether it changed the key, which a watch then delivers. To delete a key that is absent
    /// does not.
    pub has_changed: bool,
}

/// Over what a store can run transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Transacting {
    /// Not at all.
    #[default]
    None,
    /// Over the keys of one bucket.
    Bucket {
        /// The most checks and writes of one transaction.
        operations: usize,
        /// The most bytes of keys, values and expected versions of one transaction.
        bytes: usize,
    },
    /// Over the keys of all buckets.
    Store {
        /// The most checks and writes of one transaction.
        operations: usize,
        /// The most bytes of keys, values and expected versions of one transaction.
        bytes: usize,
    },
}

/// One operation of a transaction, on its way through the layers of its bucket to the store.
pub struct Part {
    pub(crate) bucket: BucketName,
    /// `None` until the store's own bucket has admitted it.
    pub(crate) store: Option<StoreId>,
    /// The operations of the transaction up to this one, with their bytes.
    pub(crate) size: Size,
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

/// How large a transaction is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    pub(crate) operations: usize,
    pub(crate) bytes: usize,
}

/// Called with the outcome of a transaction and the place of the operation among its checks or
/// its writes.
pub(crate) type Settled = Box<dyn FnOnce(&Result<Transacted>, usize) + Send>;

// === impl Check ===

impl Check {
    fn bytes(&self) -> usize {
        self.key.len() + expected_bytes(&self.expected)
    }
}

// === impl Write ===

impl Write {
    fn bytes(&self) -> usize {
        self.key.len() + self.action.bytes()
    }
}

// === impl Action ===

impl Action {
    fn bytes(&self) -> usize {
        match self {
            Self::Change(Change::Set(value, _)) => value.len(),
            Self::Change(Change::Delete) | Self::Increment(_) => 0,
        }
    }
}

fn expected_bytes(expected: &Expected) -> usize {
    match expected {
        Expected::Absent => 0,
        Expected::At(version) => version.as_bytes().map_or(0, bytes::Bytes::len),
    }
}

// === impl Part ===

impl Part {
    /// An operation that no layer and no bucket has seen yet.
    pub(crate) fn new(key: &str, operation: Operation, earlier: Size) -> Self {
        let bytes = match &operation {
            Operation::Check(expected) => expected_bytes(expected),
            Operation::Write(action) => action.bytes(),
        };
        let size = Size {
            operations: earlier.operations + 1,
            bytes: earlier.bytes.saturating_add(key.len() + bytes),
        };
        Self {
            bucket: BucketName::default(),
            store: None,
            size,
            key: key.to_owned(),
            operation,
            settled: Vec::new(),
        }
    }

    /// The part as an operation on the bucket of this name in this store, for the store's own
    /// bucket.
    #[must_use]
    pub fn of(self, store: StoreId, bucket: BucketName) -> Self {
        let store = Some(store);
        Self {
            bucket,
            store,
            ..self
        }
    }

    /// Notifies a layer of the outcome of the transaction; the number is the place of this
    /// operation among its checks, or among its writes. The outcome is
    /// [`Ambiguous`](Error::Ambiguous) where the answer of a transaction is dropped. The function
    /// is dropped without a call if the transaction is never run.
    pub fn on_settled(
        &mut self,
        settled: impl FnOnce(&Result<Transacted>, usize) + Send + 'static,
    ) {
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
    /// What is left of it where a transaction may have no more operations and bytes than these.
    #[must_use]
    pub fn within(self, most_operations: usize, most_bytes: usize) -> Self {
        match self {
            Self::None => Self::None,
            Self::Bucket { operations, bytes } => Self::Bucket {
                operations: operations.min(most_operations),
                bytes: bytes.min(most_bytes),
            },
            Self::Store { operations, bytes } => Self::Store {
                operations: operations.min(most_operations),
                bytes: bytes.min(most_bytes),
            },
        }
    }

    /// Checks the shape of a transaction against what is declared: its number of operations, its
    /// bytes, its buckets, and that no key is written twice.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for buckets past what is declared, and
    /// [`Invalid::BatchTooLong`], [`Invalid::BatchTooLarge`] or [`Invalid::WrittenTwice`].
    pub fn check(self, checks: &[Check], writes: &[Write]) -> Result<()> {
        let (most_operations, most_bytes, is_wide) = match self {
            Self::None => return Err(Error::Unsupported("transactions")),
            Self::Bucket { operations, bytes } => (operations, bytes, false),
            Self::Store { operations, bytes } => (operations, bytes, true),
        };
        let keys = checks.len() + writes.len();
        if keys > most_operations {
            let max = most_operations;
            return Err(Invalid::BatchTooLong { keys, max }.into());
        }
        let checked = checks.iter().map(Check::bytes);
        let bytes = checked
            .chain(writes.iter().map(Write::bytes))
            .fold(0, usize::saturating_add);
        if bytes > most_bytes {
            let max = most_bytes;
            return Err(Invalid::BatchTooLarge { bytes, max }.into());
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
    /// A key was set, and has this version.
    pub fn set(version: Version) -> Self {
        Self {
            version: Some(version),
            counter: None,
            has_changed: true,
        }
    }

    /// A key is absent, and was there before or not.
    pub fn deleted(was_there: bool) -> Self {
        Self {
            version: None,
            counter: None,
            has_changed: was_there,
        }
    }

    /// A counter has this value now.
    pub fn counted(version: Version, counter: i64) -> Self {
        Self {
            counter: Some(counter),
            ..Self::set(version)
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
        let (operations, bytes) = (3, 1000);
        let wide = Transacting::Store { operations, bytes };
        wide.check(&[check("a", "k")], &writes).unwrap();
        let narrow = Transacting::Bucket { operations, bytes };
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
        // Two keys and two values of one byte each, and a key and a version of four.
        let at = Expected::At(Version::from(::bytes::Bytes::from_static(b"1234")));
        let at = Check {
            expected: at,
            ..check("a", "l")
        };
        let exact = wide.within(3, 9);
        exact.check(std::slice::from_ref(&at), &writes).unwrap();
        let large = wide.within(3, 8).check(&[at], &writes);
        assert!(
            matches!(
                large,
                Err(Error::Invalid(Invalid::BatchTooLarge { bytes: 9, max: 8 }))
            ),
            "{large:?}"
        );
        let twice = wide.check(&[], &[write("a", "k"), write("a", "k")]);
        assert!(
            matches!(twice, Err(Error::Invalid(Invalid::WrittenTwice))),
            "{twice:?}"
        );
    }
}
