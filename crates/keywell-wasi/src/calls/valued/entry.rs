use keywell_store::{Answer, Bucket as _, Result, Set};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmStr};

use crate::calls::store;
use crate::calls::valued::{answer, answer_traced};
use crate::interface::Interface;
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::values::{OutgoingHandle, OutgoingValue, Trace};

/// Links what reads and writes a single key, but for `get`, whose answers differ between
/// generations.
pub(crate) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.call("set", set, answer_traced)?;
    interface.call("delete", store::delete, answer)?;
    interface.call("exists", store::exists, answer)
}

/// The value's bytes are charged for as long as its handle is there, so they are not charged again.
fn set<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, value): (Resource<BucketHandle>, WasmStr, Resource<OutgoingHandle>),
) -> wasmtime::Result<Answer<Result<(), Trace>>> {
    let key = key.to_str(&*store)?;
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    let bytes = match keyvalue.outgoing(&value)?.and_then(OutgoingValue::bytes) {
        Ok(bytes) => bytes,
        Err(trace) => return Ok(Answer::now(Err(trace))),
    };
    let written = bucket.set(&key, bytes, Set::default());
    Ok(written.map(|_| Ok(())))
}
