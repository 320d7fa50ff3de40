//! The calls of a [`MemoryBucket`].

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use keywell_store::layer::Limits;
use keywell_store::{
    Answer, Batching, Bucket, Capabilities, Cas, Change, Cursor, Durability, Entry, Error,
    Expected, Expires, Filter, Invalid, List, Listing, Page, Part, Promptness, Result, Set, Since,
    Swap, ValueBytes, Version, Watch, Watching, counter, reserved,
};

use crate::budget::Budget;
use crate::clock::Moment;
use crate::data::MemoryBucket;
use crate::key::{HashedKey, STRIPES};
use crate::stripe::Slot;
use crate::stripes::LockedStripes;
use crate::transact::TRANSACTING;
use crate::writer::Writer;
use crate::{feed, listing, sweep};

// === impl MemoryBucket ===

impl MemoryBucket {
    fn read<T>(&self, key: &str, answer: impl FnOnce(&Slot, Expires) -> T) -> Option<T> {
        let key = self.stripes().hashed(key);
        let stripe = self.stripes().of(key);
        {
            let stripe = stripe.read();
            let slot = stripe.find(key)?;
            if let Some(expires) = slot.expires(|| self.clock().now()) {
                return Some(answer(slot, expires));
            }
        }
        sweep::some(self, stripe);
        None
    }

    fn write<T>(
        &self,
        key: &str,
        write: impl FnOnce(&mut Writer<'_>, HashedKey<'_>) -> Result<T>,
    ) -> Result<T> {
        let key = self.stripes().hashed(key);
        let mut stripe = self.stripes().of(key).write();
        self.check_open()?;
        let mut writer = Writer::new(self, &mut stripe);
        let answer = write(&mut writer, key);
        let spent = writer.spent.take();
        drop(stripe);
        drop(spent);
        self.log().wake();
        answer
    }

    /// Writes a batch atomically, with all its stripes locked.
    fn write_many(
        &self,
        keys: &[HashedKey<'_>],
        mut write: impl FnMut(&mut Writer<'_>, HashedKey<'_>) -> Result<()>,
    ) -> Result<()> {
        let alone = self.batches().write();
        let mut stripes = self.stripes().lock(keys.iter().copied());
        self.check_open()?;
        for &key in keys {
            write(&mut Writer::new(self, stripes.of(key)), key)?;
        }
        drop(stripes);
        drop(alone);
        self.log().wake();
        Ok(())
    }

    /// Writes a batch of values atomically, if the budget has space for all of them.
    fn set_bounded(&self, budget: &Budget, entries: Vec<(&str, Bytes)>) -> Result<()> {
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(key, value)| (self.stripes().hashed(key), value))
            .collect();
        let alone = self.batches().write();
        let mut stripes = self.stripes().lock(entries.iter().map(|(key, _)| *key));
        self.check_open()?;
        let counted = self.count(budget, &mut stripes, &entries);
        if counted.is_ok() {
            for (key, value) in entries {
                Writer::again(self, stripes.of(key)).put_counted(key, value, None);
            }
        }
        drop(stripes);
        drop(alone);
        self.log().wake();
        counted
    }

    /// Takes the cost of a batch from the budget. Its keys may then only be replaced.
    fn count(
        &self,
        budget: &Budget,
        stripes: &mut LockedStripes<'_>,
        entries: &[(HashedKey<'_>, Bytes)],
    ) -> Result<()> {
        // The last value of a duplicate key counts.
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

    /// Called with the stripe locked, so that closing can wait for writes in progress.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.is_closed() {
            return Err(Error::Unavailable("the memory store is closed".into()));
        }
        Ok(())
    }

    pub(crate) fn deadline(&self, how: Set) -> Result<Option<Moment>> {
        let Some(ttl) = how.ttl else { return Ok(None) };
        Set::expiring(ttl)?;
        Ok(Some(self.clock().after(ttl)))
    }

    fn watch_since(&self, filter: Filter, since: &Since) -> Result<Watch> {
        let resumed = match since {
            Since::Now => None,
            Since::After(token) => Some(self.issuer().sequence(token)?),
        };
        self.log().begin(|| self.stripes().settle());
        let latest = self.log().latest();
        let after = resumed.unwrap_or(latest);
        if after > latest {
            return Err(Invalid::Token.into());
        }
        if !self.log().reaches(after) {
            return Err(Invalid::Compacted.into());
        }
        Ok(feed::watch(self.shared(), filter, after))
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
            transact: TRANSACTING,
            watch: if self.keeps_history() {
                Watching::Resumable
            } else {
                Watching::Lossy
            },
            ttl: true,
            durability: Durability::Volatile,
            ttl_step: Duration::from_nanos(1),
            ..Capabilities::of(Limits::NONE)
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let found = self.read(key, |slot, expires| slot.entry(expires).within(max));
        found.transpose().into()
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        Answer::now(self.read(key, |_, _| ()).is_some())
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let written = self
            .deadline(how)
            .and_then(|deadline| self.write(key, |writer, key| writer.set(key, value, deadline)));
        if let (Ok(version), Some(_)) = (&written, how.ttl) {
            // Stripes without writes have expired keys, too. Each set with a time to live sweeps
            // another stripe, so that they do not accumulate.
            let position = usize::try_from(*version % STRIPES as u64).unwrap_or_default();
            sweep::some(self, self.stripes().at(position));
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
            let matches = match expected {
                Expected::Absent => current.is_none(),
                Expected::At(version) => current.is_some() && version.as_u64() == current,
            };
            match change {
                Change::Set(value, how) => {
                    let deadline = self.deadline(how)?;
                    if !matches {
                        return Ok(Swap::Stale);
                    }
                    let version = writer.set(key, value, deadline)?;
                    Ok(Swap::Done(Some(version.into())))
                }
                Change::Delete if matches => {
                    writer.delete(key);
                    Ok(Swap::Done(None))
                }
                Change::Delete => Ok(Swap::Stale),
            }
        })
        .into()
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        self.write(key, |writer, key| {
            let new = self.deadline(created)?;
            let current = writer.current(key);
            let deadline = current.map_or(new, |slot| slot.deadline);
            let sum = counter::add(current.map(|slot| &slot.value[..]), delta)?;
            writer.set(key, counter::text(sum), deadline)?;
            Ok(sum)
        })
        .into()
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let _whole = self.batches().read();
        let mut bytes = ValueBytes::new(max);
        let mut entries = Vec::with_capacity(keys.len());
        for key in keys {
            let entry = self.read(key, Slot::entry);
            if let Err(error) = bytes.add_entry(entry.as_ref()) {
                return error.into();
            }
            entries.push(entry);
        }
        Answer::now(entries)
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        if let Some(budget) = self.budget() {
            return self.set_bounded(budget, entries).into();
        }
        let keys = entries.iter().map(|(key, _)| self.stripes().hashed(key));
        let keys: Vec<_> = keys.collect();
        let mut values = entries.into_iter().map(|(_, value)| value);
        self.write_many(&keys, |writer, key| match values.next() {
            Some(value) => writer.set(key, value, None).map(drop),
            None => Ok(()),
        })
        .into()
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        let keys = keys.iter().map(|key| self.stripes().hashed(key));
        self.write_many(&keys.collect::<Vec<_>>(), |writer, key| {
            writer.delete(key);
            Ok(())
        })
        .into()
    }

    fn admit(&self, part: Part) -> Result<Part> {
        Ok(part.of(self.store(), self.name().clone()))
    }

    fn list(&self, request: List) -> Answer<Page> {
        let _whole = self.batches().read();
        let page = listing::page(self.stripes(), self.clock(), self.scope(), &request);
        let Some(max) = request.values else {
            return page.into();
        };
        page.map(|page| {
            let listed = page.keys.into_iter().map(|key| {
                let entry = self.read(&key, Slot::entry);
                (key, entry)
            });
            let seal = |key: &str| Cursor::seal(self.scope(), &request.prefix, key.as_bytes());
            Page::of_entries(listed, page.cursor, max, seal)
        })
        .into()
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        if self.keeps_history() {
            return self.watch_since(filter, &since).into();
        }
        match since {
            Since::Now => {
                let bucket = self.shared();
                let open = move || bucket.watch_since(filter.clone(), &Since::Now).into();
                reserved::live(open)
            }
            Since::After(_) => Error::Invalid(Invalid::Token).into(),
        }
    }
}
