//! Transactions over the buckets of a store: one operation of the writer, and so in one commit.

use keywell_store::{Action, Change, Transacted, Written, counter};

use crate::error::Fault;
use crate::group::Group;
use crate::planned::Planned;

/// What a write comes to once all checks hold.
enum Effect<'a> {
    Set(&'a [u8], u64),
    Count(i64, u64),
    Delete,
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
