use std::collections::BTreeMap;

use crate::{Located, Place};

/// What a component reaches by one link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkPlan {
    /// The store that has every bucket name not in `buckets`, by its name in the plan.
    pub store: Option<String>,
    /// The bucket that every name not in `buckets` stands for, where there is no `store`. Without
    /// either, such names are denied.
    pub every_bucket: Option<GrantPlan>,
    /// What a bucket name of the component stands for.
    pub buckets: BTreeMap<String, GrantPlan>,
}

/// A bucket, and what may be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantPlan {
    /// The store, by its name in the plan.
    pub store: String,
    /// The bucket's name in the store.
    pub bucket: Located<String>,
    /// Whether writes are refused.
    pub read_only: bool,
    /// What every key begins with in the store, unseen by the component.
    pub prefix: String,
    /// The most bytes of a key, without the prefix, where that is less than usual.
    pub max_key: Option<usize>,
    /// The most bytes of a value, where that is less than usual.
    pub max_value: Option<usize>,
}

// === impl LinkPlan ===

impl LinkPlan {
    /// A link to every bucket of a store.
    pub fn to(store: impl Into<String>) -> Self {
        Self {
            store: Some(store.into()),
            ..Self::default()
        }
    }

    /// The store of a bucket, by a component's name for it; none for one that it is not granted.
    pub fn store_of(&self, bucket: &str) -> Option<&String> {
        let bucket = match bucket {
            "" => "default",
            name => name,
        };
        let named = self.buckets.get(bucket).map(|grant| &grant.store);
        let every = self.every_bucket.as_ref().map(|grant| &grant.store);
        named.or(self.store.as_ref()).or(every)
    }

    /// Its grants, but for that of a whole store.
    pub fn grants(&self) -> impl Iterator<Item = &GrantPlan> {
        self.buckets.values().chain(&self.every_bucket)
    }

    /// The stores that it names, by their names in the plan.
    pub fn stores(&self) -> impl Iterator<Item = &String> {
        let granted = self.grants().map(|grant| &grant.store);
        self.store.iter().chain(granted)
    }

    pub(super) fn forget_places(&mut self) {
        for grant in self.buckets.values_mut().chain(&mut self.every_bucket) {
            grant.bucket.place = Place::default();
        }
    }
}
