use std::array;
use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;
use parking_lot::RwLock;

/// The values of a copy as they are read, by bucket: a read waits neither for writes of other keys
/// nor for the messages of other copies.
#[derive(Default)]
pub(super) struct Shown(RwLock<HashMap<Box<str>, Arc<Values>>>);

/// The values of a bucket.
pub(super) struct Values {
    stripes: Box<[Stripe; STRIPES]>,
    hasher: RandomState,
}

/// A value, and what differs between versions of it.
pub(super) type Value = (Bytes, u64);

// On a cache line of its own, so that readers of other stripes are not slowed down.
#[repr(align(64))]
struct Stripe(RwLock<HashMap<Box<str>, Value, RandomState>>);

const STRIPES: usize = 64;

// === impl Shown ===

impl Shown {
    /// The values of a bucket, which may have none.
    pub(super) fn bucket(&self, name: &str) -> Arc<Values> {
        if let Some(values) = self.0.read().get(name) {
            return values.clone();
        }
        let mut buckets = self.0.write();
        let values = buckets.entry(name.into()).or_default();
        values.clone()
    }

    /// Shows a value from now on, or none.
    pub(super) fn put(&self, bucket: &str, key: &str, value: Option<Value>) {
        let known = self.0.read().get(bucket).cloned();
        match (known, value) {
            (None, None) => {}
            (Some(values), value) => values.put(key, value),
            (None, value) => self.bucket(bucket).put(key, value),
        }
    }
}

// === impl Values ===

impl Values {
    pub(super) fn get(&self, key: &str) -> Option<Value> {
        self.stripe(key).read().get(key).cloned()
    }

    fn put(&self, key: &str, value: Option<Value>) {
        let mut stripe = self.stripe(key).write();
        match value {
            None => drop(stripe.remove(key)),
            Some(value) => match stripe.get_mut(key) {
                Some(known) => *known = value,
                None => drop(stripe.insert(key.into(), value)),
            },
        }
    }

    fn stripe(&self, key: &str) -> &RwLock<HashMap<Box<str>, Value, RandomState>> {
        // The map uses the low bits and the highest ones.
        let at = (self.hasher.hash_one(key) >> 40) as usize % STRIPES;
        &self.stripes[at].0
    }
}

impl Default for Values {
    fn default() -> Self {
        let hasher = RandomState::default();
        let stripe = |_| Stripe(RwLock::new(HashMap::with_hasher(hasher.clone())));
        Self {
            stripes: Box::new(array::from_fn(stripe)),
            hasher,
        }
    }
}
