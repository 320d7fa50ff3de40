//! Transactions as the writer takes them.

use keywell_store::{Action, Change, Check, Result, Transacting, Write};

use crate::limits::LIMITS;

/// The approximate memory of an entry or a key of an operation, beside its bytes.
pub(crate) const EACH: usize = 64;

/// What is declared: all buckets, as many operations as a batch of hosts has keys, and as many
/// bytes.
pub(crate) const TRANSACTING: Transacting = Transacting::Store {
    operations: 10_000,
    bytes: 64 << 20,
};

/// A transaction for the writer, each of whose operations is one that a single call could be.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) checks: Vec<Check>,
    pub(crate) writes: Vec<Write>,
    /// The time to live of each write, in milliseconds.
    pub(crate) ttls: Vec<Option<u64>>,
}

// === impl Planned ===

impl Planned {
    pub(crate) fn new(checks: Vec<Check>, writes: Vec<Write>) -> Result<Self> {
        TRANSACTING.check(&checks, &writes)?;
        for one in &checks {
            LIMITS.check_entry(&one.key, b"")?;
        }
        let mut ttls = Vec::with_capacity(writes.len());
        for write in &writes {
            ttls.push(match &write.action {
                Action::Change(Change::Set(value, how)) => {
                    LIMITS.check_entry(&write.key, value)?;
                    how.ttl_millis()?
                }
                Action::Change(Change::Delete) | Action::Increment(_) => {
                    LIMITS.check_entry(&write.key, b"")?;
                    None
                }
            });
        }
        Ok(Self {
            checks,
            writes,
            ttls,
        })
    }

    /// The approximate memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let checks = self.checks.iter().map(|check| check.key.len());
        let writes = self.writes.iter().map(|write| match &write.action {
            Action::Change(Change::Set(value, _)) => write.key.len() + value.len(),
            Action::Change(Change::Delete) | Action::Increment(_) => write.key.len(),
        });
        checks.chain(writes).map(|bytes| EACH + bytes).sum()
    }
}
