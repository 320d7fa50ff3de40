//! `spin:key-value/key-value@3.0.0`, whose functions are async.

use wasmtime::component::{FutureReader, Resource, StreamReader};
use wasmtime::{AsContextMut as _, StoreContextMut};

use super::error::{SpinError, answer, opened};
use super::listing::Listing;
use crate::calls;
use crate::interface::Interface;
use crate::keyvalue::{BucketHandle, KeyvalueView};

/// Links the interface.
pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface
        .resource::<BucketHandle>("store", |data, rep| data.keyvalue_mut().drop_bucket(rep))?;
    interface.task("[static]store.open", calls::store::open, opened)?;
    interface.task("[method]store.get", calls::store::get, answer)?;
    interface.task("[method]store.set", calls::store::set, answer)?;
    interface.task("[method]store.delete", calls::store::delete, answer)?;
    interface.task("[method]store.exists", calls::store::exists, answer)?;
    interface.plain_task("[method]store.get-keys", get_keys)
}

/// All keys, and how the list ended.
type Keys = (StreamReader<String>, FutureReader<Result<(), SpinError>>);

/// Asks for no page before the keys are read.
fn get_keys<T: KeyvalueView>(
    mut store: StoreContextMut<'_, T>,
    (bucket,): (Resource<BucketHandle>,),
) -> wasmtime::Result<(Keys,)> {
    let bucket = store.data().keyvalue().bucket(&bucket)?.clone();
    let charge = store.data_mut().keyvalue_mut().budget_mut().hold_nothing();
    let (listing, ended) = Listing::new(bucket, charge);
    let keys = StreamReader::new(store.as_context_mut(), listing)?;
    let ended = FutureReader::new(store, async move {
        // A reader that has gone is nothing wrong.
        wasmtime::error::Ok(ended.await.unwrap_or(Ok(())))
    })?;
    Ok(((keys, ended),))
}
