use std::sync::Arc;

use keywell_store::Result;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Lower, Resource};

use crate::calls;
use crate::error::StoreError;
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::opened::Opened;

/// The variant `error`, alike in the versions with a resource.
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(variant)]
pub(super) enum SpinError {
    #[component(name = "store-table-full")]
    StoreTableFull,
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

pub(super) fn opened<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    bucket: Result<Arc<Opened>>,
) -> Result<Resource<BucketHandle>, SpinError> {
    let bucket = answer(store, bucket)?;
    // There is no other reason.
    let added = store.data_mut().keyvalue_mut().add_bucket(bucket);
    added.map_err(|_| SpinError::StoreTableFull)
}

pub(super) fn answer<T: KeyvalueView, A>(
    store: &mut StoreContextMut<'_, T>,
    result: Result<A>,
) -> Result<A, SpinError> {
    calls::answer(store, result).map_err(SpinError::from)
}

// === impl SpinError ===

impl From<StoreError> for SpinError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchStore => Self::NoSuchStore,
            StoreError::AccessDenied => Self::AccessDenied,
            StoreError::Other(text) => Self::Other(text),
        }
    }
}
