//! `fermyon:spin/key-value@2.0.0`.

use std::sync::Arc;

use keywell_store::{Answer, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lower, Resource};

use crate::calls::keys::Keys;
use crate::calls::{self, keys};
use crate::error::StoreError;
use crate::interface::Interface;
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::opened::Opened;

/// The variant `error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum SpinError {
    #[component(name = "store-table-full")]
    StoreTableFull,
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

/// Links the interface.
pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface
        .resource::<BucketHandle>("store", |data, rep| data.keyvalue_mut().drop_bucket(rep))?;
    interface.call("[static]store.open", calls::store::open, opened)?;
    interface.call("[method]store.get", calls::store::get, answer)?;
    interface.call("[method]store.set", calls::store::set, answer)?;
    interface.call("[method]store.delete", calls::store::delete, answer)?;
    interface.call("[method]store.exists", calls::store::exists, answer)?;
    interface.listing("[method]store.get-keys", get_keys, listed)
}

fn opened<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    bucket: Result<Arc<Opened>>,
) -> Result<Resource<BucketHandle>, SpinError> {
    let bucket = answer(store, bucket)?;
    // There is no other reason.
    let added = store.data_mut().keyvalue_mut().add_bucket(bucket);
    added.map_err(|_| SpinError::StoreTableFull)
}

fn get_keys<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket,): (Resource<BucketHandle>,),
) -> wasmtime::Result<Answer<Keys>> {
    let bucket = store.data().keyvalue().bucket(&bucket)?.clone();
    Ok(keys::of_bucket(store, bucket))
}

fn listed<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    keys: Result<Keys>,
) -> Result<Vec<String>, SpinError> {
    Ok(answer(store, keys)?.whole()?)
}

fn answer<T: KeyvalueView, A>(
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
