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
pub(super) struct Shown(RwLock<Buckets>);

#[derive(Default)]
struct Buckets {
    by_name: HashMap<Box<str>, Arc<Values>, RandomState>,
    /// How many there were when those were dropped that nobody needs.
    needed: usize,
}

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
/// How many buckets there may be besides twice those that are needed.
const SPARE: usize = 16;

// === impl Shown ===

impl Shown {
    /// The values of a bucket, which may have none.
    pub(super) fn bucket(&self, name: &str) -> Arc<Values> {
        if let Some(values) = self.0.read().by_name.get(name) {
            return values.clone();
        }
        let mut buckets = self.0.write();
        buckets.drop_unneeded();
        let values = buckets.by_name.entry(name.into()).or_default();
        values.clone()
    }

    /// Shows a value from now on, or none.
    pub(super) fn put(&self, bucket: &str, key: &str, value: Option<Value>) {
        if let Some(values) = self.0.read().by_name.get(bucket) {
            return values.put(key, value);
        }
        if value.is_some() {
            self.bucket(bucket).put(key, value);
        }
    }
}

// === impl Buckets ===

impl Buckets {
    /// Drops empty buckets without a handle, once they may be more than half of all.
    fn drop_unneeded(&mut self) {
        if self.by_name.len() < 2 * self.needed + SPARE {
            return;
        }
        self.by_name
            .retain(|_, values| Arc::strong_count(values) > 1 || !values.is_empty());
        self.needed = self.by_name.len();
    }
}

// === impl Values ===

impl Values {
    fn is_empty(&self) -> bool {
        self.stripes.iter().all(|stripe| stripe.0.read().is_empty())
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_kept_while_it_has_a_value_or_a_handle() {
        let shown = Shown::default();
        let handle = shown.bucket("handle");
        shown.put("value", "key", Some(("text".into(), 1)));
        for number in 0..10_000 {
            drop(shown.bucket(&format!("opened once {number}")));
        }
        let kept = shown.0.read().by_name.len();
        assert!(kept <= 2 * 2 + SPARE, "{kept}");
        shown.put("handle", "key", Some(("seen".into(), 2)));
        assert_eq!(handle.get("key"), Some(("seen".into(), 2)));
        let value = shown.bucket("value").get("key");
        assert_eq!(value, Some(("text".into(), 1)));
    }
}
