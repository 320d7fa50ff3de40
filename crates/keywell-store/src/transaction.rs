use std::fmt;

use crate::transact::{Action, Check, Operation, Part, Settled, Size, Transacted, Write};
use crate::{Answer, Bucket, Error, Expected, Result, Store, StoreId};

/// A transaction that is put together from operations on buckets behind layers, and run by their
/// store.
///
/// Each operation passes the layers of its bucket first, as a call of its own would, so a grant for
/// reading, a prefix or a limit cannot be escaped. All buckets are of one store; with buckets of
/// another it answers [`Error::Unsupported`]:
///
/// ```
/// use keywell_store::layer::{Grant, Granted};
/// # use keywell_store::{Action, Bucket, Change, Error, Expected, Set, Transaction};
/// # fn example(bucket: std::sync::Arc<dyn Bucket>, store: &dyn keywell_store::Store) -> Result<(), Error> {
/// let grant = Grant { prefix: "app/".to_owned(), ..Grant::default() };
/// let granted = Granted::new(bucket, grant);
/// let mut transaction = Transaction::default();
/// transaction.check(&granted, "lock", Expected::Absent)?;
/// let change = Change::Set("me".into(), Set::default());
/// transaction.write(&granted, "lock", Action::Change(change))?;
/// let answer = transaction.run(store);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Transaction {
    checks: Vec<Check>,
    writes: Vec<Write>,
    /// The store of its buckets.
    store: Option<StoreId>,
    size: Size,
    pending: Vec<(usize, Settled)>,
}

/// Layers to notify of the outcome of a transaction that runs.
struct Running(Vec<(usize, Settled)>);

// === impl Transaction ===

impl Transaction {
    /// Adds a check of a key.
    ///
    /// # Errors
    ///
    /// What a layer of the bucket refuses; [`Error::Unsupported`] in a store without transactions,
    /// and for a bucket of another store than that of earlier operations.
    pub fn check(&mut self, bucket: &dyn Bucket, key: &str, expected: Expected) -> Result<()> {
        self.add(bucket, key, Operation::Check(expected))
    }

    /// Adds a write of a key.
    ///
    /// # Errors
    ///
    /// What a layer of the bucket refuses; [`Error::Unsupported`] in a store without transactions,
    /// and for a bucket of another store than that of earlier operations.
    pub fn write(&mut self, bucket: &dyn Bucket, key: &str, action: Action) -> Result<()> {
        self.add(bucket, key, Operation::Write(action))
    }

    fn add(&mut self, bucket: &dyn Bucket, key: &str, operation: Operation) -> Result<()> {
        let part = bucket.admit(Part::new(key, operation, self.size))?;
        if self.store.is_some() && self.store != part.store {
            return Err(several_stores());
        }
        (self.store, self.size) = (part.store, part.size);
        let (bucket, key) = (part.bucket, part.key);
        let place = match part.operation {
            Operation::Check(expected) => {
                self.checks.push(Check {
                    bucket,
                    key,
                    expected,
                });
                self.checks.len() - 1
            }
            Operation::Write(action) => {
                self.writes.push(Write {
                    bucket,
                    key,
                    action,
                });
                self.writes.len() - 1
            }
        };
        let settled = part.settled.into_iter();
        self.pending.extend(settled.map(|settled| (place, settled)));
        Ok(())
    }

    /// Runs it in the store that all its buckets are of.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if that is another store; those of [`Store::transact`].
    pub fn run(self, store: &dyn Store) -> Answer<Transacted> {
        let mut running = Running(self.pending);
        if self.store.is_some() && self.store != store.id() {
            let outcome = Err(several_stores());
            running.settle(&outcome);
            return Answer::Now(outcome);
        }
        match store.transact(self.checks, self.writes) {
            Answer::Now(outcome) => {
                running.settle(&outcome);
                Answer::Now(outcome)
            }
            Answer::Later(outcome) => Answer::later(async move {
                let outcome = outcome.await;
                running.settle(&outcome);
                outcome
            }),
        }
    }
}

fn several_stores() -> Error {
    Error::Unsupported("transactions over several stores")
}

// === impl Running ===

impl Running {
    fn settle(&mut self, outcome: &Result<Transacted>) {
        for (place, settled) in self.0.drain(..) {
            settled(outcome, place);
        }
    }
}

impl Drop for Running {
    /// Nothing is left to notify, unless the answer was dropped before it came.
    fn drop(&mut self) {
        let dropped = Error::Ambiguous("the answer of the transaction was dropped".into());
        self.settle(&Err(dropped));
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("checks", &self.checks)
            .field("writes", &self.writes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{self, Sender};

    use bytes::Bytes;

    use super::*;
    use crate::layer::{Limited, Limits};
    use crate::{
        BucketName, Capabilities, Change, Entry, Invalid, Set, Transacting, Version, Written,
    };

    /// A store whose transactions write nothing and answer late, and the bucket of it.
    #[derive(Clone, Copy, Default)]
    struct Late(StoreId);

    impl Store for Late {
        fn id(&self) -> Option<StoreId> {
            Some(self.0)
        }

        fn open(&self, _: &BucketName) -> Answer<Arc<dyn Bucket>> {
            Answer::now(Arc::new(*self))
        }

        fn transact(&self, _: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
            let written = writes.iter().map(|_| Written::deleted(false)).collect();
            Answer::later(async { Ok(Transacted::Done(written)) })
        }
    }

    impl Bucket for Late {
        fn capabilities(&self) -> Capabilities {
            Capabilities {
                transact: Transacting::Store {
                    operations: 100,
                    bytes: 1000,
                },
                ..Capabilities::default()
            }
        }

        fn get_within(&self, _: &str, _: usize) -> Answer<Option<Entry>> {
            Answer::now(None)
        }

        fn set(&self, _: &str, _: Bytes, _: Set) -> Answer<Version> {
            Answer::now(Version::from(1))
        }

        fn delete(&self, _: &str) -> Answer<()> {
            Answer::now(())
        }

        fn admit(&self, part: Part) -> Result<Part> {
            Ok(part.of(self.0, BucketName::default()))
        }
    }

    /// Notes the outcome of every operation.
    struct Noting(Late, Sender<(usize, Result<Transacted>)>);

    impl Bucket for Noting {
        fn capabilities(&self) -> Capabilities {
            self.0.capabilities()
        }

        fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
            self.0.get_within(key, max)
        }

        fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
            self.0.set(key, value, how)
        }

        fn delete(&self, key: &str) -> Answer<()> {
            self.0.delete(key)
        }

        fn admit(&self, mut part: Part) -> Result<Part> {
            let noted = self.1.clone();
            part.on_settled(move |outcome, place| noted.send((place, outcome.clone())).unwrap());
            self.0.admit(part)
        }
    }

    fn set(value: &'static str) -> Action {
        Action::Change(Change::Set(value.into(), Set::default()))
    }

    fn is_unsupported<T>(result: &Result<T>) -> bool {
        matches!(result, Err(Error::Unsupported(_)))
    }

    #[tokio::test]
    async fn buckets_of_two_stores_are_refused() {
        let (one, other) = (Late::default(), Late::default());
        let mut transaction = Transaction::default();
        transaction.check(&one, "k", Expected::Absent).unwrap();
        assert!(is_unsupported(&transaction.write(&other, "k", set("v"))));
        transaction.write(&one, "k", set("v")).unwrap();
        assert!(is_unsupported(&transaction.run(&other).await));
        let mut transaction = Transaction::default();
        transaction.write(&one, "k", set("v")).unwrap();
        assert!(transaction.run(&one).await.is_ok());
    }

    #[tokio::test]
    async fn layers_learn_of_every_outcome_but_that_of_a_transaction_that_never_ran() {
        let (sender, noted) = mpsc::channel();
        let bucket = Noting(Late::default(), sender);
        let transaction = || {
            let mut transaction = Transaction::default();
            transaction.check(&bucket, "k", Expected::Absent).unwrap();
            transaction.write(&bucket, "k", set("v")).unwrap();
            transaction.write(&bucket, "l", set("v")).unwrap();
            transaction
        };
        let noted = |is_it: fn(&Result<Transacted>) -> bool| {
            let of = |(place, outcome): (usize, Result<Transacted>)| {
                assert!(is_it(&outcome), "{outcome:?}");
                place
            };
            noted.try_iter().map(of).collect::<Vec<_>>()
        };
        drop(transaction());
        assert!(noted(|_| true).is_empty());
        transaction().run(&bucket.0).await.unwrap();
        assert_eq!(noted(Result::is_ok), [0, 0, 1]);
        drop(transaction().run(&bucket.0));
        let is_ambiguous = |outcome: &Result<_>| matches!(outcome, Err(Error::Ambiguous(_)));
        assert_eq!(noted(is_ambiguous), [0, 0, 1]);
        let other = Late::default();
        assert!(is_unsupported(&transaction().run(&other).await));
        assert_eq!(noted(is_unsupported), [0, 0, 1]);
    }

    #[test]
    fn limits_of_a_batch_hold_for_a_transaction() {
        let limits = Limits {
            batch_keys: 3,
            batch_bytes: 10,
            ..Limits::default()
        };
        let bucket = Limited::new(Arc::new(Late::default()), limits);
        let narrowed = Transacting::Store {
            operations: 3,
            bytes: 10,
        };
        assert_eq!(bucket.capabilities().transact, narrowed);
        let mut transaction = Transaction::default();
        for key in ["a", "b"] {
            transaction.check(&bucket, key, Expected::Absent).unwrap();
        }
        let large = transaction.write(&bucket, "c", set("12345678"));
        let is_large = matches!(
            large,
            Err(Error::Invalid(Invalid::BatchTooLarge {
                bytes: 11,
                max: 10
            }))
        );
        assert!(is_large, "{large:?}");
        transaction.write(&bucket, "c", set("1234567")).unwrap();
        let long = transaction.write(&bucket, "d", Action::Increment(1));
        let is_long = matches!(
            long,
            Err(Error::Invalid(Invalid::BatchTooLong { keys: 4, max: 3 }))
        );
        assert!(is_long, "{long:?}");
    }
}
