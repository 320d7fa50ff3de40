use std::sync::Arc;

use keywell_store::{BucketName, Store, StoreId};

use crate::grants::Origin;

/// Where a key is in truth, so that two components that name it differently mean the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    store: OpenStore,
    bucket: BucketName,
    /// The key in the store, with the prefix of the grant.
    key: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum OpenStore {
    Known(StoreId),
    /// The address of a store without an identity. A caller in a line holds the grants, and so the
    /// store.
    At(usize),
}

// === impl Place ===

impl Place {
    pub(crate) fn new(origin: &Origin, key: &str) -> Self {
        Self {
            store: OpenStore::of(&origin.store),
            bucket: origin.bucket.clone(),
            key: format!("{}{key}", origin.prefix),
        }
    }
}

// === impl OpenStore ===

impl OpenStore {
    fn of(store: &Arc<dyn Store>) -> Self {
        let address = Arc::as_ptr(store).cast::<()>() as usize;
        store.id().map_or(Self::At(address), Self::Known)
    }
}
