use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Answer, Bucket, Capabilities, Change, Entry, Error, Expected, Promptness, Set, Swap, Version,
    counter,
};
use parking_lot::Mutex;

/// A mistake that real stores make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// None: the layer alone is correct.
    None,
    /// Repeats an increment whose answer was lost.
    RetriesIncrements,
    /// An increment is a read and a write.
    IncrementsInTwoSteps,
    /// A swap compares values, so it misses A-B-A.
    ComparesValues,
    /// A swap that expects no key checks for it and then writes, in two steps.
    OverwritesCreators,
    /// A swap writes, and then answers that it is stale.
    SwapsAndSaysStale,
    /// Reads are cached, and a write invalidates the cache before it is done instead of after.
    CachesTooLong,
    /// A write that was sent and not acknowledged is answered as unavailable.
    CallsAmbiguousUnavailable,
}

/// A correct bucket behind a layer that makes a mistake.
#[derive(Clone)]
pub(crate) struct Broken {
    inner: Arc<dyn Bucket>,
    mistake: Mistake,
    /// The last read of each key.
    cache: Arc<Mutex<HashMap<String, Entry>>>,
    /// The value of each version.
    values: Arc<Mutex<HashMap<Version, Bytes>>>,
}

// === impl Broken ===

impl Broken {
    pub(crate) fn new(inner: Arc<dyn Bucket>, mistake: Mistake) -> Self {
        Self {
            inner,
            mistake,
            cache: Arc::default(),
            values: Arc::default(),
        }
    }

    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    fn write<T: Send + 'static>(
        &self,
        key: &str,
        write: impl Fn(&dyn Bucket, &str) -> Answer<T> + Send + Sync + 'static,
    ) -> Answer<T> {
        let (broken, key) = (self.clone(), key.to_owned());
        Answer::later(async move {
            broken.cache.lock().remove(&key);
            let answer = write(&*broken.inner, &key).await;
            match answer {
                Err(Error::Ambiguous(failure))
                    if broken.makes(Mistake::CallsAmbiguousUnavailable) =>
                {
                    Err(Error::Unavailable(failure))
                }
                answer => answer,
            }
        })
    }

    /// The version to expect instead: the current one if it has the value of the expected one.
    async fn same_value(self, key: String, expected: Expected) -> keywell_store::Result<Expected> {
        let Expected::At(version) = &expected else {
            return Ok(expected);
        };
        let then = self.values.lock().get(version).cloned();
        let now = self.inner.get(&key).await?;
        let same = now.filter(|now| Some(&now.value) == then.as_ref());
        Ok(same.map_or(expected, |now| Expected::At(now.version)))
    }
}

impl Bucket for Broken {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            promptness: Promptness::Waits,
            ..self.inner.capabilities()
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        if self.makes(Mistake::CachesTooLong)
            && let Some(entry) = self.cache.lock().get(key)
        {
            return Answer::now(Some(entry.clone()));
        }
        let (broken, key) = (self.clone(), key.to_owned());
        self.inner.get_within(&key, max).map(move |entry| {
            if let Some(Entry { value, version, .. }) = entry.clone() {
                broken.values.lock().insert(version, value);
            }
            if let Some(entry) = entry.clone() {
                broken.cache.lock().insert(key, entry);
            }
            entry
        })
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let values = self.values.clone();
        let answer = self.write(key, {
            let value = value.clone();
            move |inner, key| inner.set(key, value.clone(), how)
        });
        answer.map(move |version| {
            values.lock().insert(version.clone(), value);
            version
        })
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.write(key, |inner, key| inner.delete(key))
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let (broken, name) = (self.clone(), key.to_owned());
        match (self.mistake, &expected, &change) {
            (Mistake::ComparesValues, Expected::At(_), _) => Answer::later(async move {
                let expected = broken.clone().same_value(name.clone(), expected).await?;
                broken.inner.swap(&name, expected, change).await
            }),
            (Mistake::OverwritesCreators, Expected::Absent, Change::Set(value, how)) => {
                let (value, how) = (value.clone(), *how);
                Answer::later(async move {
                    if broken.inner.exists(&name).await? {
                        return Ok(Swap::Stale);
                    }
                    let version = broken.inner.set(&name, value, how).await?;
                    Ok(Swap::Done(Some(version)))
                })
            }
            _ => {
                let lies = self.makes(Mistake::SwapsAndSaysStale);
                let swap = move |inner: &dyn Bucket, key: &str| {
                    inner.swap(key, expected.clone(), change.clone())
                };
                self.write(key, swap).map(move |swap| match swap {
                    Swap::Done(_) if lies => Swap::Stale,
                    swap => swap,
                })
            }
        }
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let (broken, name) = (self.clone(), key.to_owned());
        match self.mistake {
            Mistake::RetriesIncrements => Answer::later(async move {
                match broken
                    .inner
                    .increment_or_create(&name, delta, created)
                    .await
                {
                    Err(Error::Ambiguous(_)) => {
                        broken
                            .inner
                            .increment_or_create(&name, delta, created)
                            .await
                    }
                    answer => answer,
                }
            }),
            Mistake::IncrementsInTwoSteps => Answer::later(async move {
                let entry = broken.inner.get(&name).await?;
                let sum = counter::add(entry.as_ref().map(|entry| &entry.value[..]), delta)?;
                let sum_text = counter::text(sum);
                broken.inner.set(&name, sum_text, Set::default()).await?;
                Ok(sum)
            }),
            _ => self.write(key, move |inner, key| {
                inner.increment_or_create(key, delta, created)
            }),
        }
    }
}
