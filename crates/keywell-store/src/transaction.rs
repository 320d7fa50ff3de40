use std::fmt;

use crate::transact::{Action, Check, Operation, Part, Settled, Transacted, Write};
use crate::{Answer, Bucket, Expected, Result, Store};

/// A transaction that is put together from operations on buckets behind layers, and run by their
/// store.
///
/// Each operation passes the layers of its bucket first, as a call of its own would, so a grant for
/// reading, a prefix or a limit cannot be escaped:
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
    settled: Vec<Settled>,
}

// === impl Transaction ===

impl Transaction {
    /// Adds a check of a key.
    ///
    /// # Errors
    ///
    /// What a layer of the bucket refuses; [`Error::Unsupported`](crate::Error::Unsupported) in a store without transactions.
    pub fn check(&mut self, bucket: &dyn Bucket, key: &str, expected: Expected) -> Result<()> {
        self.add(bucket, key, Operation::Check(expected))
    }

    /// Adds a write of a key.
    ///
    /// # Errors
    ///
    /// What a layer of the bucket refuses; [`Error::Unsupported`](crate::Error::Unsupported) in a store without transactions.
    pub fn write(&mut self, bucket: &dyn Bucket, key: &str, action: Action) -> Result<()> {
        self.add(bucket, key, Operation::Write(action))
    }

    fn add(&mut self, bucket: &dyn Bucket, key: &str, operation: Operation) -> Result<()> {
        let part = bucket.admit(Part::new(key, operation))?;
        let (bucket, key) = (part.bucket, part.key);
        match part.operation {
            Operation::Check(expected) => self.checks.push(Check {
                bucket,
                key,
                expected,
            }),
            Operation::Write(action) => self.writes.push(Write {
                bucket,
                key,
                action,
            }),
        }
        self.settled.extend(part.settled);
        Ok(())
    }

    /// Runs it in the store that all its buckets are of.
    pub fn run(self, store: &dyn Store) -> Answer<Transacted> {
        let settled = self.settled;
        let settle = move |outcome: Result<Transacted>| {
            for settled in settled {
                settled(&outcome);
            }
            outcome
        };
        match store.transact(self.checks, self.writes) {
            Answer::Now(outcome) => Answer::Now(settle(outcome)),
            Answer::Later(outcome) => Answer::later(async move { settle(outcome.await) }),
        }
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
