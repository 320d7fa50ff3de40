use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{Answer, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList};
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

use crate::calls::store;
use crate::calls::valued::{answer, answer_traced, failed};
use crate::interface::Interface;
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::opened::Opened;
use crate::values::{ErrorHandle, IncomingHandle, OutgoingHandle, Trace, no_stream};

/// Links `types` but for the size of an incoming value, which differs between generations.
pub(crate) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface
        .resource::<BucketHandle>("bucket", |data, rep| data.keyvalue_mut().drop_bucket(rep))?;
    interface.call("[static]bucket.open-bucket", store::open, opened)?;

    interface.stored_resource::<OutgoingHandle>("outgoing-value", |data, rep| {
        data.keyvalue_mut().drop_outgoing(rep)
    })?;
    interface.call(
        "[static]outgoing-value.new-outgoing-value",
        new_outgoing,
        made,
    )?;
    interface.call(
        "[method]outgoing-value.outgoing-value-write-body-sync",
        write,
        answer_traced,
    )?;
    interface.call(
        "[method]outgoing-value.outgoing-value-write-body-async",
        write_stream,
        answer_traced,
    )?;

    interface.resource::<IncomingHandle>("incoming-value", |data, rep| {
        data.keyvalue_mut().drop_incoming(rep);
    })?;
    interface.call(
        "[method]incoming-value.incoming-value-consume-sync",
        consume,
        answer,
    )?;
    interface.call(
        "[method]incoming-value.incoming-value-consume-async",
        consume_stream,
        answer_traced,
    )
}

/// Links the interface of `error`.
pub(crate) fn link_error<T: KeyvalueView>(
    interface: &mut Interface<'_, T>,
) -> wasmtime::Result<()> {
    interface.resource::<ErrorHandle>("error", |data, rep| data.keyvalue_mut().drop_trace(rep))?;
    interface.call("[method]error.trace", trace, |_, trace: Result<String>| {
        trace.unwrap_or_default()
    })
}

/// How many bytes of an incoming value are left to consume.
pub(crate) fn size<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (value,): (Resource<IncomingHandle>,),
) -> wasmtime::Result<Answer<u64>> {
    let size = store.data_mut().keyvalue_mut().incoming(&value)?.len();
    Ok(Answer::now(size as u64))
}

fn opened<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    bucket: Result<Arc<Opened>>,
) -> Result<Resource<BucketHandle>, Resource<ErrorHandle>> {
    let bucket = bucket.map_err(|error| failed(store, error))?;
    let keyvalue = store.data_mut().keyvalue_mut();
    let added = keyvalue.add_bucket(bucket);
    added.map_err(|trace| keyvalue.add_trace(trace))
}

/// Nothing is asked of a store.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the first half of a call may trap"
)]
fn new_outgoing<T>(_: &mut StoreContextMut<'_, T>, (): ()) -> wasmtime::Result<Answer<()>> {
    Ok(Answer::now(()))
}

fn made<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    _: Result<()>,
) -> Resource<OutgoingHandle> {
    store.data_mut().keyvalue_mut().new_outgoing()
}

fn write<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (value, bytes): (Resource<OutgoingHandle>, WasmList<u8>),
) -> wasmtime::Result<Answer<Result<(), Trace>>> {
    let value = store.data().keyvalue().outgoing(&value)?;
    let bytes = bytes.as_le_slice(&*store);
    Ok(Answer::now(value.and_then(|value| value.append(bytes))))
}

fn write_stream<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (value,): (Resource<OutgoingHandle>,),
) -> wasmtime::Result<Answer<Result<Resource<DynOutputStream>, Trace>>> {
    let data = store.data_mut();
    let stream = match data.keyvalue().outgoing(&value)? {
        Ok(value) => value.stream(),
        Err(trace) => return Ok(Answer::now(Err(trace))),
    };
    let Some(table) = data.table() else {
        return Ok(Answer::now(Err(Trace::NO_TABLE)));
    };
    let pushed = table.push(stream);
    Ok(Answer::now(pushed.map_err(|_| Trace::NO_STREAMS)))
}

fn consume<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (value,): (Resource<IncomingHandle>,),
) -> wasmtime::Result<Answer<Bytes>> {
    let value = store.data_mut().keyvalue_mut().incoming(&value)?;
    Ok(Answer::now(value.take()))
}

fn consume_stream<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (value,): (Resource<IncomingHandle>,),
) -> wasmtime::Result<Answer<Result<Resource<DynInputStream>, Trace>>> {
    let data = store.data_mut();
    let Some(table) = data.table() else {
        return Ok(Answer::now(Err(Trace::NO_TABLE)));
    };
    // The value is taken once there is a place for it, so that none is lost.
    let Ok(place) = table.push(no_stream()) else {
        return Ok(Answer::now(Err(Trace::NO_STREAMS)));
    };
    let stream = data.keyvalue_mut().incoming(&value)?.stream();
    if let Some(table) = data.table() {
        *table.get_mut(&place)? = stream;
    }
    Ok(Answer::now(Ok(place)))
}

fn trace<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (error,): (Resource<ErrorHandle>,),
) -> wasmtime::Result<Answer<String>> {
    let Trace(text) = store.data().keyvalue().trace(&error)?;
    Ok(Answer::now(text.into_owned()))
}
