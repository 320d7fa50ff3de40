use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_memory::MemoryStore;
use keywell_store::{
    Answer, Batching, Capabilities, Cas, Change, Check, Ends, Entry, Error, Event, Expected,
    Filter, Invalid, List, Listing, Page, Set, Since, Store as _, Swap, Transacted, ValueBytes,
    Version, Watch, Watching, Write,
};

use crate::bug::{Bug, Inner};

/// A memory store that does what it declares, and refuses everything else.
pub(crate) struct Modest(pub(crate) Capabilities);

impl Modest {
    /// If swaps compare values, the value is the version.
    fn show(&self, entry: Entry) -> Entry {
        match self.0.cas {
            Cas::ByValue => Entry {
                version: Version::from(entry.value.clone()),
                ..entry
            },
            _ => entry,
        }
    }

    /// Rounds a time to live up to the step that is declared.
    fn rounded(&self, how: Set) -> Set {
        let step = self.0.ttl_step;
        let rounded = |ttl: Duration| {
            let steps = ttl.as_nanos().div_ceil(step.as_nanos().max(1));
            step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
        };
        let is_coarse = step > Duration::from_millis(1);
        let expiring = how
            .ttl
            .filter(|ttl| is_coarse && Set::expiring(*ttl).is_ok());
        match expiring {
            Some(ttl) => Set {
                ttl: Some(rounded(ttl)),
            },
            None => how,
        }
    }

    fn check(&self, key: &str, value: &[u8], how: Set) -> Result<(), Error> {
        if how.ttl.is_some() && !self.0.ttl {
            return Err(Error::Unsupported("a time to live"));
        }
        self.0.check(key, value)
    }
}

impl Bug for Modest {
    fn capabilities(&self, _: &Inner) -> Capabilities {
        self.0
    }

    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        let Answer::Now(entry) = inner.get_within(key, max) else {
            panic!("the memory store answers at once");
        };
        entry
            .map(|entry| entry.map(|entry| self.show(entry)))
            .into()
    }

    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        if let Err(error) = self.check(key, &value, how) {
            return error.into();
        }
        let is_value = self.0.cas == Cas::ByValue;
        let how = self.rounded(how);
        inner.set(key, value.clone(), how).map(move |version| {
            if is_value {
                Version::from(value)
            } else {
                version
            }
        })
    }

    fn swap(&self, inner: &Inner, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        if let Change::Set(value, how) = &change
            && let Err(error) = self.check(key, value, *how)
        {
            return error.into();
        }
        match (self.0.cas, expected) {
            (Cas::None, _) => Error::Unsupported("compare-and-swap").into(),
            (Cas::ByValue, Expected::At(value)) => by_value(inner, key, &value, &change),
            (Cas::ByValue, Expected::Absent) => {
                let written = written(&change);
                inner
                    .swap(key, Expected::Absent, change)
                    .map(|done| shown(&done, written))
            }
            (Cas::ByVersion, expected) => inner.swap(key, expected, change),
        }
    }

    fn increment_or_create(
        &self,
        inner: &Inner,
        key: &str,
        delta: i64,
        created: Set,
    ) -> Answer<i64> {
        if !self.0.increment {
            return Error::Unsupported("counters").into();
        }
        if let Err(error) = self.check(key, b"", created) {
            return error.into();
        }
        inner.increment_or_create(key, delta, self.rounded(created))
    }

    fn get_many_within(
        &self,
        inner: &Inner,
        keys: &[&str],
        max: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        if let Err(error) = self.0.limits().check_batch_of(keys) {
            return error.into();
        }
        let mut bytes = ValueBytes::new(max);
        let answers = keys.iter().map(|key| self.get_within(inner, key, max));
        Answer::sequence_while(answers, move |entry: &Option<Entry>| {
            bytes.add_entry(entry.as_ref())
        })
    }

    fn get_with_expiry(
        &self,
        inner: &Inner,
        keys: &[&str],
        max: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        self.get_many_within(inner, keys, max)
    }

    fn set_many(&self, inner: &Inner, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        if let Err(error) = self.0.limits().check_entries(&entries) {
            return error.into();
        }
        if self.0.batch == Batching::Atomic {
            return inner.set_many(entries);
        }
        let sets = entries
            .into_iter()
            .map(|(key, value)| inner.set(key, value, Set::default()));
        Answer::sequence(sets).map(drop)
    }

    fn delete_many(&self, inner: &Inner, keys: &[&str]) -> Answer<()> {
        match self.0.limits().check_batch_of(keys) {
            Ok(()) => inner.delete_many(keys),
            Err(error) => error.into(),
        }
    }

    fn transact(
        &self,
        sound: &MemoryStore,
        checks: Vec<Check>,
        writes: Vec<Write>,
    ) -> Answer<Transacted> {
        match self.0.transact.check(&checks, &writes) {
            Ok(()) => sound.transact(checks, writes),
            Err(error) => error.into(),
        }
    }

    fn list(&self, inner: &Inner, request: List) -> Answer<Page> {
        let modest = Self(self.0);
        if modest.0.list == Listing::None {
            return Error::Unsupported("a listing of keys").into();
        }
        inner.list(request).map(move |mut page| {
            let entries = page.entries.into_iter();
            page.entries = entries.map(|entry| modest.show(entry)).collect();
            if modest.0.list == Listing::Unordered {
                page.keys.reverse();
                page.entries.reverse();
            }
            page
        })
    }

    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let ends = self.0.ends;
        let mut expirations = 0;
        let told = move |event: &Event| {
            if !matches!(event, Event::Delete { expired: true, .. }) {
                return true;
            }
            expirations += 1;
            match ends {
                Ends::Swept => true,
                // The service collects every second key before the next write.
                Ends::Late => expirations % 2 == 0,
                Ends::Untold => false,
            }
        };
        let watch = self.watched(inner, filter, since);
        watch.map(move |watch| watch.only(told))
    }
}

impl Modest {
    fn watched(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        match (self.0.watch, since) {
            (Watching::None, _) => Error::Unsupported("watching").into(),
            (Watching::Lossy, Since::After(_)) => Error::Invalid(Invalid::Token).into(),
            (Watching::Lossy, since) => inner.watch(filter, since).map(|watch| {
                // Every twentieth event is replaced by a gap.
                let events = watch.enumerate().map(|(n, event)| match event {
                    _ if n % 20 == 19 => Ok(Event::Gap),
                    event => event.map(without_token),
                });
                Watch::new(None, events)
            }),
            (Watching::Latest | Watching::Resumable, since) => inner.watch(filter, since),
        }
    }
}

/// Events of a watch that cannot be resumed have no token, and no version.
pub(crate) fn without_token(event: Event) -> Event {
    match event {
        Event::Set { key, value, .. } => Event::Set {
            key,
            value,
            version: None,
            token: None,
        },
        Event::Delete { key, expired, .. } => Event::Delete {
            key,
            expired,
            token: None,
        },
        other => other,
    }
}

fn written(change: &Change) -> Option<Bytes> {
    match change {
        Change::Set(value, _) => Some(value.clone()),
        Change::Delete => None,
    }
}

fn shown(done: &Swap, written: Option<Bytes>) -> Swap {
    match done {
        Swap::Done(_) => Swap::Done(written.map(Version::from)),
        Swap::Stale => Swap::Stale,
    }
}

/// Retries, because another caller may write the same value in between.
fn by_value(inner: &Inner, key: &str, value: &Version, change: &Change) -> Answer<Swap> {
    loop {
        let Answer::Now(Ok(current)) = inner.get(key) else {
            panic!("the memory store answers at once");
        };
        let current = match current {
            Some(entry) if Some(&entry.value) == value.as_bytes() => entry,
            _ => return Answer::now(Swap::Stale),
        };
        let Answer::Now(done) = inner.swap(key, Expected::At(current.version), change.clone())
        else {
            panic!("the memory store answers at once");
        };
        match done {
            Ok(Swap::Stale) => {}
            done => return done.map(|done| shown(&done, written(change))).into(),
        }
    }
}
