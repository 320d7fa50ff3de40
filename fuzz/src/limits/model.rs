use std::collections::BTreeMap;

use bytes::Bytes;
use keywell_store::layer::Limits;
use keywell_store::{Error, Invalid, counter};

use super::call::{Call, Outcome};

/// What a bucket behind limits promises, in the simplest way.
pub(super) struct Model {
    limits: Limits,
    entries: BTreeMap<String, Bytes>,
}

// === impl Model ===

impl Model {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: BTreeMap::new(),
        }
    }

    pub(super) fn entries(&self) -> &BTreeMap<String, Bytes> {
        &self.entries
    }

    pub(super) fn call(&mut self, call: &Call<'_>) -> Outcome {
        match self.refuses(call) {
            Some(refused) => Outcome::Refused(refused),
            None => self.answer(call),
        }
    }

    /// Which limit the call is past before it is made: a batch's own, then those of its entries.
    fn refuses(&self, call: &Call<'_>) -> Option<Invalid> {
        match call {
            Call::Get(key) | Call::Exists(key) | Call::Delete(key) | Call::Increment(key, _) => {
                self.key(key)
            }
            Call::Set(key, value) => self.key(key).or_else(|| self.value(value)),
            Call::Swap(key, _, value) => {
                let value = value.unwrap_or_default();
                self.key(key).or_else(|| self.value(value))
            }
            Call::GetMany(keys) | Call::DeleteMany(keys) => {
                let bytes = keys.iter().map(|key| key.len()).sum();
                let batch = self.batch(keys.len(), bytes);
                batch.or_else(|| keys.iter().find_map(|key| self.key(key)))
            }
            Call::SetMany(entries) => {
                let bytes = entries.iter().map(|(key, value)| key.len() + value.len());
                let batch = self.batch(entries.len(), bytes.sum());
                let mut entries = entries.iter();
                batch.or_else(|| {
                    entries.find_map(|(key, value)| self.key(key).or_else(|| self.value(value)))
                })
            }
        }
    }

    fn answer(&mut self, call: &Call<'_>) -> Outcome {
        match call {
            Call::Get(key) => {
                // A counter may have grown past the limit.
                let value = self.entries.get(*key).cloned();
                match value.as_deref().and_then(|value| self.value(value)) {
                    Some(refused) => Outcome::Refused(refused),
                    None => Outcome::Values(vec![value]),
                }
            }
            Call::Exists(key) => Outcome::Is(self.entries.contains_key(*key)),
            Call::Increment(key, delta) => {
                let old = self.entries.get(*key).map(|value| &value[..]);
                match counter::add(old, *delta) {
                    Ok(new) => {
                        self.set(key, new.to_string().as_bytes());
                        Outcome::Number(new)
                    }
                    Err(Error::Invalid(invalid)) => Outcome::Refused(invalid),
                    Err(other) => panic!("the caller is not blamed: {other}"),
                }
            }
            Call::Swap(key, true, _) if self.entries.contains_key(*key) => Outcome::Stale,
            Call::Set(key, value) | Call::Swap(key, _, Some(value)) => self.set(key, value),
            Call::Delete(key) | Call::Swap(key, _, None) => {
                self.entries.remove(*key);
                Outcome::Done
            }
            Call::GetMany(keys) => {
                let values = keys.iter().map(|key| self.entries.get(*key).cloned());
                let values: Vec<_> = values.collect();
                // Reading stops at the value that passes the limit.
                let mut bytes = 0;
                let refused = values.iter().flatten().find_map(|value| {
                    bytes += value.len();
                    self.batch(values.len(), bytes)
                });
                match refused {
                    Some(refused) => Outcome::Refused(refused),
                    None => Outcome::Values(values),
                }
            }
            Call::SetMany(entries) => {
                for (key, value) in entries {
                    self.set(key, value);
                }
                Outcome::Done
            }
            Call::DeleteMany(keys) => {
                for key in keys {
                    self.entries.remove(*key);
                }
                Outcome::Done
            }
        }
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Outcome {
        let value = Bytes::copy_from_slice(value);
        self.entries.insert(key.to_owned(), value);
        Outcome::Done
    }

    fn key(&self, key: &str) -> Option<Invalid> {
        let (bytes, max) = (key.len(), self.limits.key_bytes);
        match bytes {
            0 => Some(Invalid::EmptyKey),
            _ => (bytes > max).then_some(Invalid::KeyTooLong { bytes, max }),
        }
    }

    fn value(&self, value: &[u8]) -> Option<Invalid> {
        let (bytes, max) = (value.len(), self.limits.value_bytes);
        (bytes > max).then_some(Invalid::ValueTooLarge { bytes, max })
    }

    fn batch(&self, keys: usize, bytes: usize) -> Option<Invalid> {
        let Limits {
            batch_keys,
            batch_bytes,
            ..
        } = self.limits;
        if keys > batch_keys {
            let max = batch_keys;
            return Some(Invalid::BatchTooLong { keys, max });
        }
        let max = batch_bytes;
        (bytes > max).then_some(Invalid::BatchTooLarge { bytes, max })
    }
}
