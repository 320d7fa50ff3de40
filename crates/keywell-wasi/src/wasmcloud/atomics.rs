use keywell_store::{Answer, Bucket as _, Set};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmStr};

use super::error::CloudError;
use crate::calls::answer_as;
use crate::interface::Interface;
use crate::keyvalue::{BucketHandle, KeyvalueView};

pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.task("increment", increment, answer_as::<_, _, CloudError>)
}

fn increment<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, delta): (Resource<BucketHandle>, WasmStr, i64),
) -> wasmtime::Result<Answer<i64>> {
    let key = key.to_str(&*store)?;
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    Ok(bucket.increment_or_create(&key, delta, Set::default()))
}
