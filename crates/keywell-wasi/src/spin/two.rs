//! `fermyon:spin/key-value@2.0.0`.

use keywell_store::{Answer, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::Resource;

use super::error::{SpinError, answer, opened};
use crate::calls::keys::Keys;
use crate::calls::{self, keys};
use crate::interface::Interface;
use crate::keyvalue::{BucketHandle, KeyvalueView};

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
