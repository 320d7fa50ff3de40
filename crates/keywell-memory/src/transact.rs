//! Transactions over the buckets of a store.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Action, BucketName, Change, Check, Expected, Result, Transacted, Transacting, Version, Write,
    Written, counter,
};

use crate::budget::Budget;
use crate::clock::Moment;
use crate::data::MemoryBucket;
use crate::key::HashedKey;
use crate::stripe::Slot;
use crate::stripes::LockedStripes;
use crate::writer::Writer;

/// What is declared: all buckets of the store, and as many operations as a batch of hosts has keys.
pub(crate) const TRANSACTING: Transacting = Transacting::Store {
    operations: 10_000,
    bytes: usize::MAX,
};

/// What a write comes to once all checks hold.
enum Planned {
    Set(Bytes, Option<Moment>, Option<i64>),
    Delete,
}

/// The stripes of a transaction's keys, locked for writing. Buckets are locked in the order of
/// their names: first the batches of all, then the stripes of each, so that two transactions never
/// wait for each other.
struct Locked<'a>(BTreeMap<&'a BucketName, (&'a MemoryBucket, LockedStripes<'a>)>);

/// Performs the writes if all checks hold. The buckets are all those that are named.
pub(crate) fn transact(
    buckets: &BTreeMap<BucketName, Arc<MemoryBucket>>,
    checks: &[Check],
    writes: &[Write],
) -> Result<Transacted> {
    let alone: Vec<_> = buckets
        .values()
        .map(|bucket| bucket.batches().write())
        .collect();
    let mut locked = Locked::lock(buckets, checks, writes);
    let open = buckets.values().try_for_each(|bucket| bucket.check_open());
    let transacted = open.and_then(|()| locked.transact(checks, writes));
    drop(locked);
    drop(alone);
    // Also after a transaction that wrote nothing, as it may have removed expired keys.
    for bucket in buckets.values() {
        bucket.log().wake();
    }
    transacted
}

// === impl Locked ===

impl<'a> Locked<'a> {
    fn lock(
        buckets: &'a BTreeMap<BucketName, Arc<MemoryBucket>>,
        checks: &'a [Check],
        writes: &'a [Write],
    ) -> Self {
        let mut keys: HashMap<&BucketName, Vec<&str>> = HashMap::new();
        let checked = checks.iter().map(|check| (&check.bucket, &check.key));
        let written = writes.iter().map(|write| (&write.bucket, &write.key));
        for (bucket, key) in checked.chain(written) {
            keys.entry(bucket).or_default().push(key);
        }
        let locked = buckets.iter().map(|(name, bucket)| {
            let keys = keys.get(name).into_iter().flatten();
            let stripes = bucket.stripes();
            let locked = stripes.lock(keys.map(|key| stripes.hashed(key)));
            (name, (&**bucket, locked))
        });
        Self(locked.collect())
    }

    fn transact(&mut self, checks: &[Check], writes: &[Write]) -> Result<Transacted> {
        let stale = checks.iter().position(|check| {
            let version = self.version(&check.bucket, &check.key);
            match &check.expected {
                Expected::Absent => version.is_some(),
                Expected::At(expected) => version.is_none() || expected.as_u64() != version,
            }
        });
        if let Some(stale) = stale {
            return Ok(Transacted::Stale(stale));
        }
        let planned = writes.iter().map(|write| self.plan(write));
        let planned: Vec<Planned> = planned.collect::<Result<_>>()?;
        self.charge(writes, &planned)?;
        let done = writes.iter().zip(planned);
        let done = done.map(|(write, planned)| self.perform(write, planned));
        Ok(Transacted::Done(done.collect()))
    }

    /// Passes a key with its locked stripe.
    fn with<T>(
        &mut self,
        name: &BucketName,
        key: &str,
        act: impl FnOnce(&mut Writer<'_>, HashedKey<'_>) -> T,
    ) -> T {
        let (bucket, stripes) = self
            .0
            .get_mut(name)
            .expect("the bucket is among the locked");
        let key = bucket.stripes().hashed(key);
        act(&mut Writer::new(bucket, stripes.of(key)), key)
    }

    fn version(&mut self, name: &BucketName, key: &str) -> Option<u64> {
        self.with(name, key, |writer, key| {
            writer.current(key).map(|slot| slot.version)
        })
    }

    fn plan(&mut self, write: &Write) -> Result<Planned> {
        let (bucket, _) = &self.0[&write.bucket];
        Ok(match &write.action {
            Action::Change(Change::Set(value, how)) => {
                Planned::Set(value.clone(), bucket.deadline(*how)?, None)
            }
            Action::Change(Change::Delete) => Planned::Delete,
            Action::Increment(delta) => self.with(&write.bucket, &write.key, |writer, key| {
                let current = writer.current(key);
                let deadline = current.and_then(|slot| slot.deadline);
                let sum = counter::add(current.map(|slot| &slot.value[..]), *delta)?;
                let text = counter::text(sum);
                Ok::<_, keywell_store::Error>(Planned::Set(text, deadline, Some(sum)))
            })?,
        })
    }

    /// Takes the cost of what is set from the store's budget, and gives back that of what it
    /// replaces and of what is deleted.
    fn charge(&mut self, writes: &[Write], planned: &[Planned]) -> Result<()> {
        let budget = self.0.values().find_map(|(bucket, _)| bucket.budget());
        let Some(budget) = budget else { return Ok(()) };
        let cost = |(write, planned): (&Write, &Planned)| match planned {
            Planned::Set(value, ..) => Budget::cost(&write.key, value),
            Planned::Delete => 0,
        };
        let new = writes.iter().zip(planned).map(cost).sum();
        if budget.exchange(self.held(writes), new) {
            return Ok(());
        }
        for (bucket, stripes) in self.0.values_mut() {
            for stripe in stripes.iter_mut() {
                Writer::again(bucket, stripe).clear(usize::MAX);
            }
        }
        budget.clear_expired();
        if budget.exchange(self.held(writes), new) {
            Ok(())
        } else {
            Err(budget.full())
        }
    }

    /// The cost of what is at the keys that are written.
    fn held(&mut self, writes: &[Write]) -> usize {
        for write in writes {
            self.with(&write.bucket, &write.key, |writer, key| {
                writer.current(key);
            });
        }
        // Nothing is swept from here on, so each cost is counted once.
        let held = writes.iter().map(|write| {
            let (bucket, stripes) = self.0.get_mut(&write.bucket).expect("the bucket is locked");
            let key = bucket.stripes().hashed(&write.key);
            stripes.of(key).find(key).map_or(0, Slot::cost)
        });
        held.sum()
    }

    fn perform(&mut self, write: &Write, planned: Planned) -> Written {
        let (bucket, stripes) = self.0.get_mut(&write.bucket).expect("the bucket is locked");
        let key = bucket.stripes().hashed(&write.key);
        // Nothing may expire between the charge and the write.
        let mut writer = Writer::again(bucket, stripes.of(key));
        match planned {
            Planned::Delete => Written::deleted(writer.delete_counted(key)),
            Planned::Set(value, deadline, counter) => {
                let version = Version::from(writer.put_counted(key, value, deadline));
                match counter {
                    Some(counter) => Written::counted(version, counter),
                    None => Written::set(version),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use keywell_store::{Answer, Error, Set, Store as _};

    use super::*;
    use crate::{History, MemoryStore};

    fn write(key: &str, bytes: Option<usize>) -> Write {
        let change = match bytes {
            Some(bytes) => Change::Set(vec![0; bytes].into(), Set::default()),
            None => Change::Delete,
        };
        Write {
            bucket: BucketName::default(),
            key: key.to_owned(),
            action: Action::Change(change),
        }
    }

    #[test]
    fn a_full_store_takes_what_a_transaction_makes_room_for_and_no_more() {
        const LARGE: Option<usize> = Some(40 << 10);
        let store = MemoryStore::bounded(64 << 10, History::default());
        let run = |writes| match store.transact(Vec::new(), writes) {
            Answer::Now(transacted) => transacted,
            Answer::Later(_) => panic!("the memory store answers at once"),
        };
        run(vec![write("a", LARGE)]).unwrap();
        let full = run(vec![write("b", LARGE), write("c", Some(1))]);
        assert!(matches!(full, Err(Error::Unavailable(_))), "{full:?}");
        // Many times, so that bytes that are counted wrongly add up.
        for _ in 0..50 {
            run(vec![write("a", None), write("b", LARGE)]).unwrap();
            run(vec![write("b", None), write("a", LARGE)]).unwrap();
        }
        let full = run(vec![write("b", LARGE)]);
        assert!(matches!(full, Err(Error::Unavailable(_))), "{full:?}");
    }
}
