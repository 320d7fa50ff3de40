use keywell_store::{Answer, Bucket as _};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmStr};

use super::error::OwnError;
use super::expectation::expiring;
use crate::calls::answer_as;
use crate::interface::Interface;
use crate::keyvalue::{BucketHandle, KeyvalueView};

pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.call("increment", increment, answer_as::<_, _, OwnError>)
}

fn increment<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, delta, ttl): (Resource<BucketHandle>, WasmStr, i64, Option<u64>),
) -> wasmtime::Result<Answer<i64>> {
    let key = key.to_str(&*store)?;
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    Ok(match expiring(ttl) {
        Ok(created) => bucket.increment_or_create(&key, delta, created),
        Err(error) => error.into(),
    })
}
