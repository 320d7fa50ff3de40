use std::borrow::Cow;

use bytes::Bytes;
use keywell_store::layer::Limits;
use keywell_store::{Answer, Bucket as _};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList, WasmStr};

use crate::calls::batch::{BATCH, delete_many, with_keys};
use crate::calls::keys::Keys;
use crate::calls::valued::{answer, answer_traced};
use crate::chosen::Linked;
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::values::{OutgoingHandle, OutgoingValue, Trace};

/// Links the calls for many keys, but for `get-many` and the listing, which differ between
/// generations.
pub(crate) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.call("set-many", set_many, answer_traced)?;
    interface.call("delete-many", delete_many, answer)
}

/// Asks for many values, in the order of the keys.
pub(crate) fn get_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, keys): (Resource<BucketHandle>, WasmList<WasmStr>),
) -> wasmtime::Result<Asked<Vec<Option<Bytes>>>> {
    let max = store.data().keyvalue().budget().remaining();
    with_keys(store, &bucket, &keys, BATCH, move |bucket, keys| {
        bucket.get_many_within(keys, max).map(|entries| {
            let values = entries
                .into_iter()
                .map(|entry| entry.map(|entry| entry.value));
            values.collect()
        })
    })
}

/// Asks for every key.
pub(crate) fn keys<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket,): (Resource<BucketHandle>,),
) -> wasmtime::Result<Answer<Keys>> {
    let keys = Keys::begin(store);
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    Ok(match keyvalue.elsewhere(Linked::Batch, bucket) {
        Some(other) => other.then(move |bucket| keys.read(bucket)),
        None => keys.read(bucket.clone()),
    })
}

fn set_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, entries): (
        Resource<BucketHandle>,
        WasmList<(WasmStr, Resource<OutgoingHandle>)>,
    ),
) -> wasmtime::Result<Answer<Result<(), Trace>>> {
    let keyvalue = store.data().keyvalue();
    let held = keyvalue.bucket(&bucket)?;
    let other = keyvalue.elsewhere(Linked::Batch, held);
    // Those of another bucket are not known here.
    let limits = match &other {
        Some(_) => Limits::default(),
        None => *held.limits(),
    };
    if let Err(error) = limits.check_batch(entries.len(), 0) {
        return Ok(error.into());
    }
    let entries: Vec<_> = entries
        .iter(&mut *store)?
        .collect::<wasmtime::Result<_>>()?;
    let keyvalue = store.data().keyvalue();
    let mut pairs: Vec<(Cow<'_, str>, Bytes)> = Vec::with_capacity(entries.len());
    for (key, value) in &entries {
        match keyvalue.outgoing(value)?.and_then(OutgoingValue::bytes) {
            Ok(bytes) => pairs.push((key.to_str(&*store)?, bytes)),
            Err(trace) => return Ok(Answer::now(Err(trace))),
        }
    }
    let written = match other {
        None => {
            let pairs = pairs.iter().map(|(key, value)| (&**key, value.clone()));
            keyvalue.bucket(&bucket)?.set_many(pairs.collect())
        }
        Some(other) => {
            let pairs = pairs.into_iter();
            let pairs: Vec<(String, Bytes)> = pairs
                .map(|(key, value)| (key.into_owned(), value))
                .collect();
            other.then(move |bucket| {
                let pairs = pairs.iter().map(|(key, value)| (&**key, value.clone()));
                bucket.set_many(pairs.collect())
            })
        }
    };
    Ok(written.map(Ok))
}
