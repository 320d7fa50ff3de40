//! Transactions over the buckets of a store: one operation of the writer, and so in one commit.

use keywell_store::{
    Action, Change, Check, Result, Transacted, Transacting, Write as Asked, Written, counter,
};

use crate::bucket::LIMITS;
use crate::error::Fault;
use crate::group::Group;
use crate::operation::Write;

/// What is declared: all buckets, as many operations as a batch of hosts has keys, and as many
/// bytes.
pub(crate) const TRANSACTING: Transacting = Transacting::Store {
    operations: 10_000,
    bytes: 64 << 20,
};

/// A transaction for the writer, each of whose operations is one that a single call could be.
#[derive(Debug)]
pub(crate) struct Planned {
    checks: Vec<Check>,
    writes: Vec<Asked>,
    /// The time to live of each write, in milliseconds.
    ttls: Vec<Option<u64>>,
}

/// What a write comes to once all checks hold.
enum Effect<'a> {
    Set(&'a [u8], u64),
    Count(i64, u64),
    Delete,
}

// === impl Planned ===

impl Planned {
    pub(crate) fn new(checks: Vec<Check>, writes: Vec<Asked>) -> Result<Self> {
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
        checks.chain(writes).map(|bytes| Write::EACH + bytes).sum()
    }
}

// === impl Group ===

impl Group<'_> {
    /// Performs the writes if all checks hold. What is refused is found before anything is written.
    pub(crate) fn transact(&mut self, planned: &Planned) -> Result<Transacted, Fault> {
        for (place, check) in planned.checks.iter().enumerate() {
            if !self.matches(&check.bucket, &check.key, &check.expected)? {
                return Ok(Transacted::Stale(place));
            }
        }
        let writes = planned.writes.iter().zip(&planned.ttls);
        let effects = writes.map(|(write, ttl)| {
            Ok(match &write.action {
                Action::Change(Change::Set(value, _)) => Effect::Set(value, self.expires(*ttl)),
                Action::Change(Change::Delete) => Effect::Delete,
                Action::Increment(delta) => {
                    let (sum, expires) = self.sum(&write.bucket, &write.key, *delta, None)?;
                    Effect::Count(sum, expires)
                }
            })
        });
        let effects: Vec<Effect<'_>> = effects.collect::<Result<_, Fault>>()?;
        let writes = planned.writes.iter().zip(effects);
        let written = writes.map(|(write, effect)| {
            let (bucket, key) = (&write.bucket, &write.key);
            Ok(match effect {
                Effect::Set(value, expires) => Written::set(self.set(bucket, key, value, expires)?),
                Effect::Count(sum, expires) => {
                    let version = self.set(bucket, key, &counter::text(sum), expires)?;
                    Written::counted(version, sum)
                }
                Effect::Delete => Written::deleted(self.delete(bucket, key)?),
            })
        });
        Ok(Transacted::Done(written.collect::<Result<_, Fault>>()?))
    }
}
