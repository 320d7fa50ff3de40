use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use keywell_store::{
    Answer, Batching, Bucket, BucketName, Capabilities, Cas, Change, Durability, Entry, Error,
    Expected, Filter, Invalid, List, Listing, Page, Promptness, Result, Set, Since, Swap,
    ValueBytes, Version, Watch, Watching, counter,
};
use parking_lot::RwLock;

use crate::History;
use crate::budget::Budget;
use crate::clock::{Clock, Moment};
use crate::expiry::Alarm;
use crate::listing;
use crate::log::Log;
use crate::padded::Padded;
use crate::stripe::{Slot, Stripe};
use crate::stripes::{HashedKey, LockedStripes, STRIPES, Stripes};
use crate::token::Issuer;
use crate::watcher::Watcher;
use crate::writer::Writer;

/// A bucket of a [`MemoryStore`](crate::MemoryStore).
pub(crate) struct MemoryBucket {
    stripes: Stripes,
    clock: Clock,
    log: Log,
    alarm: Alarm,
    /// Held alone by writers of batches, and shared by readers of more than one key, so that they
    /// see a batch whole or not at all. Neither a read nor a write of one key touches it.
    ///
    /// It is locked before any stripe is.
    batches: Padded<RwLock<()>>,
    issuer: Issuer,
    /// What cursors are sealed for.
    scope: String,
    /// Shared with the store.
    closed: Arc<AtomicBool>,
    budget: Option<Arc<Budget>>,
    /// For watches, which outlive the handle that they were opened with.
    this: Weak<Self>,
}

// === impl MemoryBucket ===

impl MemoryBucket {
    pub(crate) fn new(
        name: &BucketName,
        history: History,
        closed: Arc<AtomicBool>,
        budget: Option<Arc<Budget>>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            stripes: Stripes::default(),
            clock: Clock::default(),
            log: Log::new(history),
            alarm: Alarm::default(),
            batches: Padded::default(),
            issuer: Issuer::new(),
            scope: format!("memory/{name}"),
            closed,
            budget,
            this: this.clone(),
        })
    }

    pub(crate) fn stripes(&self) -> &Stripes {
        &self.stripes
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    pub(crate) fn issuer(&self) -> Issuer {
        self.issuer
    }

    /// What bounds it, together with the other buckets of its store.
    pub(crate) fn budget(&self) -> Option<&Budget> {
        self.budget.as_deref()
    }

    /// Whether it has a key that can be seen.
    pub(crate) fn holds_any(&self) -> bool {
        self.stripes
            .iter()
            .any(|stripe| stripe.read().holds_any(|| self.clock.now()))
    }

    /// Clears away what has expired in some stripe, unless somebody is busy there.
    pub(crate) fn clear_some(&self, stripe: &RwLock<Stripe>) {
        if let Some(mut stripe) = stripe.try_write() {
            Writer::new(self, &mut stripe);
            drop(stripe);
            self.log.wake();
        }
    }

    /// Clears away all that has expired, except in stripes that another thread has locked.
    pub(crate) fn clear_all(&self) {
        let now = self.clock.now();
        let is_due = |stripe: &Stripe| {
            let earliest = stripe.expiries().earliest();
            earliest.is_some_and(|deadline| deadline <= now)
        };
        for stripe in self.stripes.iter() {
            if stripe.try_read().is_some_and(|stripe| is_due(&stripe))
                && let Some(mut stripe) = stripe.try_write()
            {
                Writer::again(self, &mut stripe).clear(usize::MAX);
            }
        }
        self.log.wake();
    }

    /// Clears away all that has expired, or as much as may be done at a time, and sets the alarm
    /// for what is next.
    pub(crate) fn clear_due(&self) {
        const AT_A_TIME: usize = 1024;
        let now = self.clock.now();
        if !self.alarm.take(now) {
            return;
        }
        let mut left = AT_A_TIME;
        for stripe in self.stripes.iter() {
            let mut stripe = stripe.write();
            if stripe.expiries().is_empty() {
                continue;
            }
            left -= Writer::new(self, &mut stripe).clear(left);
            if let Some(next) = stripe.expiries().earliest() {
                self.alarm.set(next);
            }
            if left == 0 {
                self.alarm.set(now);
                break;
            }
        }
        // While the alarm was off another watcher may have gone to sleep without one.
        self.log.wake();
    }

    fn read<T>(&self, key: &str, answer: impl FnOnce(&Slot) -> T) -> Option<T> {
        let key = self.stripes.hashed(key);
        let stripe = self.stripes.of(key);
        {
            let stripe = stripe.read();
            let slot = stripe.find(key)?;
            if slot.is_live(|| self.clock.now()) {
                return Some(answer(slot));
            }
        }
        self.clear_some(stripe);
        None
    }

    fn write<T>(
        &self,
        key: &str,
        write: impl FnOnce(&mut Writer<'_>, HashedKey<'_>) -> Result<T>,
    ) -> Result<T> {
        let key = self.stripes.hashed(key);
        let mut stripe = self.stripes.of(key).write();
        self.check_open()?;
        let mut writer = Writer::new(self, &mut stripe);
        let answer = write(&mut writer, key);
        let spent = writer.spent.take();
        drop(stripe);
        drop(spent);
        self.log.wake();
        answer
    }

    /// Writes a batch as one: with the locks of all its stripes held.
    fn write_many<'a>(
        &self,
        keys: impl Iterator<Item = &'a str> + Clone,
        mut write: impl FnMut(&mut Writer<'_>, HashedKey<'_>) -> Result<()>,
    ) -> Result<()> {
        let keys: Vec<_> = keys.map(|key| self.stripes.hashed(key)).collect();
        let alone = self.batches.write();
        let mut stripes = self.stripes.lock(keys.iter().copied());
        self.check_open()?;
        for key in keys {
            write(&mut Writer::new(self, stripes.of(key)), key)?;
        }
        drop(stripes);
        drop(alone);
        self.log.wake();
        Ok(())
    }

    /// Writes values as one, where there is room for all of them.
    fn set_bounded(&self, budget: &Budget, entries: Vec<(&str, Bytes)>) -> Result<()> {
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(key, value)| (self.stripes.hashed(key), value))
            .collect();
        let alone = self.batches.write();
        let mut stripes = self.stripes.lock(entries.iter().map(|(key, _)| *key));
        self.check_open()?;
        let counted = self.count(budget, &mut stripes, &entries);
        if counted.is_ok() {
            for (key, value) in entries {
                Writer::again(self, stripes.of(key)).put_counted(key, value);
            }
        }
        drop(stripes);
        drop(alone);
        self.log.wake();
        counted
    }

    /// Counts what a batch adds to what lies at its keys, which from then on may only be replaced.
    fn count(
        &self,
        budget: &Budget,
        stripes: &mut LockedStripes<'_>,
        entries: &[(HashedKey<'_>, Bytes)],
    ) -> Result<()> {
        // Of a key given twice, the last value stands.
        let last: HashMap<&str, (HashedKey<'_>, usize)> = entries
            .iter()
            .map(|(key, value)| (key.text, (*key, Budget::cost(key.text, value))))
            .collect();
        let new = last.values().map(|(_, cost)| cost).sum();
        for (key, _) in last.values() {
            Writer::new(self, stripes.of(*key)).current(*key);
        }
        let exchange = |stripes: &mut LockedStripes<'_>| {
            let old = |key| stripes.of(key).find(key).map_or(0, Slot::cost);
            let old = last.values().map(|(key, _)| *key).map(old).sum();
            budget.exchange(old, new)
        };
        if exchange(stripes) {
            return Ok(());
        }
        for stripe in stripes.iter_mut() {
            Writer::again(self, stripe).clear(usize::MAX);
        }
        budget.clear_expired();
        if exchange(stripes) {
            Ok(())
        } else {
            Err(budget.full())
        }
    }

    /// Asked with the stripe's lock held, so that closing can wait for what is under way.
    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Unavailable("the memory store is closed".into()));
        }
        Ok(())
    }

    fn deadline(&self, how: Set) -> Result<Option<Moment>> {
        let Some(ttl) = how.ttl else { return Ok(None) };
        Set::expiring(ttl)?;
        Ok(Some(self.clock.after(ttl)))
    }

    fn watch_since(&self, filter: Filter, since: &Since) -> Result<Watch> {
        let resumed = match since {
            Since::Now => None,
            Since::After(token) => Some(self.issuer.sequence(token)?),
        };
        self.log.begin(|| self.stripes.settle());
        let latest = self.log.latest();
        let after = resumed.unwrap_or(latest);
        if after > latest {
            return Err(Invalid::Token.into());
        }
        if !self.log.reaches(after) {
            return Err(Invalid::Compacted.into());
        }
        let this = self.this.upgrade();
        let this = this.expect("the caller holds a handle, so the bucket is not dropped");
        Ok(Watcher::new(this, filter, after).watch())
    }
}

impl Bucket for MemoryBucket {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            promptness: Promptness::AtOnce,
            cas: Cas::ByVersion,
            increment: true,
            list: Listing::Ordered,
            batch: Batching::Atomic,
            watch: Watching::Resumable,
            ttl: true,
            durability: Durability::Volatile,
            key_bytes: usize::MAX,
            value_bytes: usize::MAX,
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let found = self.read(key, |slot| slot.entry().within(max));
        found.transpose().into()
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        Answer::now(self.read(key, |_| ()).is_some())
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let written = self
            .deadline(how)
            .and_then(|deadline| self.write(key, |writer, key| writer.set(key, value, deadline)));
        if let (Ok(version), Some(_)) = (&written, how.ttl) {
            // Expired keys lie in stripes that nobody writes to as well. Who adds one looks
            // after another stripe each time, so what has expired does not pile up.
            let place = usize::try_from(*version % STRIPES as u64).unwrap_or_default();
            self.clear_some(self.stripes.at(place));
        }
        written.map(Version::from).into()
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.write(key, |writer, key| {
            writer.delete(key);
            Ok(())
        })
        .into()
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        self.write(key, |writer, key| {
            let current = writer.current(key).map(|slot| slot.version);
            let stands = match expected {
                Expected::Absent => current.is_none(),
                Expected::At(version) => current.is_some() && version.as_u64() == current,
            };
            match change {
                Change::Set(value, how) => {
                    let deadline = self.deadline(how)?;
                    if !stands {
                        return Ok(Swap::Stale);
                    }
                    let version = writer.set(key, value, deadline)?;
                    Ok(Swap::Done(Some(version.into())))
                }
                Change::Delete if stands => {
                    writer.delete(key);
                    Ok(Swap::Done(None))
                }
                Change::Delete => Ok(Swap::Stale),
            }
        })
        .into()
    }

    fn increment(&self, key: &str, delta: i64) -> Answer<i64> {
        self.write(key, |writer, key| {
            let current = writer.current(key);
            let deadline = current.and_then(|slot| slot.deadline);
            let sum = counter::add(current.map(|slot| &slot.value[..]), delta)?;
            writer.set(key, counter::text(sum), deadline)?;
            Ok(sum)
        })
        .into()
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let _whole = self.batches.read();
        let mut bytes = ValueBytes::new(max);
        let entries = keys.iter().map(|key| {
            let entry = self.read(key, Slot::entry);
            bytes.add_entry(entry.as_ref()).map(|()| entry)
        });
        entries.collect::<Result<_>>().into()
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        if let Some(budget) = self.budget() {
            return self.set_bounded(budget, entries).into();
        }
        let keys: Vec<&str> = entries.iter().map(|(key, _)| *key).collect();
        let mut values = entries.into_iter().map(|(_, value)| value);
        self.write_many(keys.into_iter(), |writer, key| match values.next() {
            Some(value) => writer.set(key, value, None).map(drop),
            None => Ok(()),
        })
        .into()
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        self.write_many(keys.iter().copied(), |writer, key| {
            writer.delete(key);
            Ok(())
        })
        .into()
    }

    fn list(&self, request: List) -> Answer<Page> {
        let _whole = self.batches.read();
        listing::page(&self.stripes, &self.clock, &self.scope, &request).into()
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        self.watch_since(filter, &since).into()
    }
}
