use std::collections::BTreeMap;

use bytes::Bytes;
use keywell_store::{
    Cas, Change, Entry, Error, Expected, Invalid, List, Listing, Result, Set, Swap, Version,
    counter,
};

use super::operation::{Expectation, KEYS, ModelOperation};
use crate::failure::{Failure, Verdict, holds, invalid, same, unsupported};
use crate::scratch::{Handle, Scratch, keys, set};

/// The expected content of a bucket.
struct Model {
    bucket: Handle,
    cas: Cas,
    entries: BTreeMap<&'static str, Known>,
    /// The versions seen so far. None may be used again.
    past: Vec<(&'static str, Version)>,
}

/// The value of an entry, and its version once an answer has shown it.
struct Known {
    value: Bytes,
    version: Option<Version>,
}

/// Applies operations to a fresh bucket and to a model, and compares the answers and the final
/// content.
pub(super) async fn compare(scratch: &Scratch<'_>, operations: &[ModelOperation]) -> Verdict {
    let bucket = scratch.bucket().await?;
    let declared = bucket.capabilities();
    let mut model = Model {
        bucket,
        cas: declared.cas,
        entries: BTreeMap::new(),
        past: Vec::new(),
    };
    for operation in operations {
        if *operation != ModelOperation::Restart {
            model.step(operation).await?;
        } else if scratch.subject.survives(declared.durability) {
            model.bucket = scratch.restart().await?;
        }
    }
    model.compare_content().await
}

// === impl Model ===

impl Model {
    async fn step(&mut self, operation: &ModelOperation) -> Verdict {
        match operation {
            ModelOperation::Get(key) => self.get(key).await,
            ModelOperation::Exists(key) => {
                let exists = self.bucket.exists(key).await?;
                same(
                    exists,
                    self.entries.contains_key(key),
                    "exists agrees with the model",
                )
            }
            ModelOperation::Set(key, value) => {
                let version = set(&self.bucket, key, value).await?;
                self.written(key, text(value), Some(version))
            }
            ModelOperation::Delete(key) => {
                self.bucket.delete(key).await?;
                self.entries.remove(key);
                Ok(())
            }
            ModelOperation::Swap(key, expected, value) => self.swap(key, *expected, *value).await,
            ModelOperation::Increment(key, delta) => self.increment(key, *delta).await,
            ModelOperation::GetMany(keys) => {
                let entries = self.bucket.get_many(keys).await?;
                same(entries.len(), keys.len(), "get_many answers each key")?;
                keys.iter()
                    .zip(entries)
                    .try_for_each(|(key, entry)| self.reads(key, entry))
            }
            ModelOperation::SetMany(entries) => self.set_many(entries).await,
            ModelOperation::DeleteMany(keys) => {
                self.bucket.delete_many(keys).await?;
                self.entries.retain(|key, _| !keys.contains(key));
                Ok(())
            }
            ModelOperation::List(prefix, limit) => self.list(prefix, *limit).await,
            ModelOperation::Restart => unreachable!("the caller restarts"),
        }
    }

    async fn get(&mut self, key: &'static str) -> Verdict {
        let read = self.bucket.get(key).await?;
        self.reads(key, read)
    }

    /// Checks an entry that was read, and records its version.
    fn reads(&mut self, key: &'static str, read: Option<Entry>) -> Verdict {
        let Some(known) = self.entries.get(key) else {
            return same(read, None, "the model has no such key");
        };
        let value = read.as_ref().map(|entry| entry.value.clone());
        same(
            value,
            Some(known.value.clone()),
            "a key has the value of the model",
        )?;
        let version = read.expect("it was just compared").version;
        match known.version.clone() {
            Some(known) => same(version, known, "a version stays until the next write"),
            None => self.written(key, known.value.clone(), Some(version)),
        }
    }

    /// Records a write, and checks that its version is new.
    fn written(&mut self, key: &'static str, value: Bytes, version: Option<Version>) -> Verdict {
        if let Some(version) = &version {
            let seen = (key, version.clone());
            let is_new = !self.past.contains(&seen);
            if self.cas == Cas::ByVersion {
                holds(is_new, version, "every write has a version of its own")?;
            }
            self.past.push(seen);
        }
        self.entries.insert(key, Known { value, version });
        Ok(())
    }

    async fn swap(
        &mut self,
        key: &'static str,
        expected: Expectation,
        value: Option<&'static str>,
    ) -> Verdict {
        let expected = self.expected(key, expected).await?;
        let change = match value {
            Some(value) => Change::Set(text(value), Set::default()),
            None => Change::Delete,
        };
        let answered = self.bucket.swap(key, expected.clone(), change).await;
        if self.cas == Cas::None {
            return unsupported(answered, "compare-and-swap");
        }
        let matches = match (&expected, self.entries.get(key)) {
            (Expected::Absent, known) => known.is_none(),
            (Expected::At(version), known) => {
                known.is_some_and(|known| known.version.as_ref() == Some(version))
            }
        };
        match (answered?, matches, value) {
            (Swap::Stale, false, _) => Ok(()),
            (Swap::Done(Some(version)), true, Some(value)) => {
                self.written(key, text(value), Some(version))
            }
            (Swap::Done(None), true, None) => {
                self.entries.remove(key);
                Ok(())
            }
            (answered, matches, _) => {
                let promise = if matches {
                    "the swap is done"
                } else {
                    "the swap is stale"
                };
                Err(Failure::new(format!("{answered:?}"), promise))
            }
        }
    }

    async fn expected(
        &mut self,
        key: &'static str,
        expected: Expectation,
    ) -> Result<Expected, Failure> {
        if expected == Expectation::Absent {
            return Ok(Expected::Absent);
        }
        // So that the model knows the version.
        self.get(key).await?;
        let current = self
            .entries
            .get(key)
            .and_then(|known| known.version.clone());
        let version = match expected {
            Expectation::Earlier => {
                let mut past = self.past.iter().rev();
                past.find(|(of, version)| *of == key && current.as_ref() != Some(version))
                    .map(|(_, version)| version.clone())
            }
            _ => current,
        };
        Ok(version.map_or(Expected::Absent, Expected::At))
    }

    async fn increment(&mut self, key: &'static str, delta: i64) -> Verdict {
        let answered = self.bucket.increment(key, delta).await;
        if !self.bucket.capabilities().increment {
            return unsupported(answered, "a counter");
        }
        let old = self.entries.get(key).map(|known| &known.value[..]);
        match counter::add(old, delta) {
            Ok(sum) => {
                same(answered?, sum, "an increment answers the new value")?;
                self.written(key, counter::text(sum), None)
            }
            Err(Error::Invalid(expected)) => {
                let promise = format!("an increment is refused: {expected}");
                invalid(answered, |blamed: &Invalid| *blamed == expected, &promise)
            }
            Err(other) => unreachable!("counter::add fails as invalid only: {other}"),
        }
    }

    async fn set_many(&mut self, entries: &[(&'static str, &'static str)]) -> Verdict {
        let given = entries.iter().map(|(key, value)| (*key, text(value)));
        self.bucket.set_many(given.collect()).await?;
        for (key, value) in entries {
            self.written(key, text(value), None)?;
        }
        Ok(())
    }

    async fn list(&self, prefix: &str, limit: usize) -> Verdict {
        let declared = self.bucket.capabilities().list;
        if declared == Listing::None {
            let answered = self.bucket.list(List::default()).await;
            return unsupported(answered, "a listing of keys");
        }
        let mut listed = keys(&self.bucket, prefix, limit).await?;
        if declared == Listing::Unordered {
            listed.sort_unstable();
        }
        let expected = self.entries.keys().filter(|key| key.starts_with(prefix));
        let expected = expected.map(|key| (*key).to_owned()).collect();
        same(listed, expected, "a listing has the keys of the model")
    }

    /// Checks that the bucket holds what the model holds.
    async fn compare_content(&mut self) -> Verdict {
        let entries = self.bucket.get_many(KEYS).await?;
        for (key, entry) in KEYS.iter().zip(entries) {
            self.reads(key, entry)?;
        }
        self.list("", 3).await
    }
}

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}
