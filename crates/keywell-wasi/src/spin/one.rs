//! `fermyon:spin/key-value`, without a version: stores are numbers, and a missing key is an error.
//!
//! Numbers are those of [`Numbers`](super::Numbers), so an invented one reaches no bucket that the
//! component has not opened by this interface.

use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{Answer, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lower, Resource, WasmList, WasmStr};

use crate::calls::keys::Keys;
use crate::calls::{self, keys};
use crate::error::StoreError;
use crate::interface::{Asked, Interface};
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
    #[component(name = "invalid-store")]
    InvalidStore,
    #[component(name = "no-such-key")]
    NoSuchKey,
    #[component(name = "io")]
    Io(String),
}

/// A number is of no open store.
struct NotOpen;

/// What a call on the store of a number answers.
type OfStore<A> = std::result::Result<A, NotOpen>;

/// Links the interface.
pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.call("open", calls::store::open, opened)?;
    interface.call("get", get, found)?;
    interface.call("set", set, answer)?;
    interface.call("delete", delete, answer)?;
    interface.call("exists", exists, answer)?;
    interface.listing("get-keys", get_keys, listed)?;
    interface.plain("close", |mut store, (number,): (u32,)| {
        store.data_mut().keyvalue_mut().drop_numbered(number);
        Ok(())
    })
}

fn opened<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    bucket: Result<Arc<Opened>>,
) -> Result<u32, SpinError> {
    let bucket = calls::answer(store, bucket)?;
    // There is no other reason.
    let added = store.data_mut().keyvalue_mut().add_numbered(bucket);
    added.map_err(|_| SpinError::StoreTableFull)
}

/// Has a call use the store of a number.
fn with<T: KeyvalueView, A: 'static, Q: Into<Asked<A>>>(
    store: &mut StoreContextMut<'_, T>,
    number: u32,
    ask: impl FnOnce(&mut StoreContextMut<'_, T>, Resource<BucketHandle>) -> wasmtime::Result<Q>,
) -> wasmtime::Result<Asked<OfStore<A>>> {
    let Some(bucket) = store.data().keyvalue().numbered(number) else {
        return Ok(Answer::now(Err(NotOpen)).into());
    };
    let asked: Asked<A> = ask(store, bucket)?.into();
    Ok(asked.map(Ok))
}

fn get<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (number, key): (u32, WasmStr),
) -> wasmtime::Result<Asked<OfStore<Option<Bytes>>>> {
    with(store, number, |store, bucket| {
        calls::store::get(store, (bucket, key))
    })
}

fn set<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (number, key, value): (u32, WasmStr, WasmList<u8>),
) -> wasmtime::Result<Asked<OfStore<()>>> {
    with(store, number, |store, bucket| {
        calls::store::set(store, (bucket, key, value))
    })
}

fn delete<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (number, key): (u32, WasmStr),
) -> wasmtime::Result<Asked<OfStore<()>>> {
    with(store, number, |store, bucket| {
        calls::store::delete(store, (bucket, key))
    })
}

fn exists<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (number, key): (u32, WasmStr),
) -> wasmtime::Result<Asked<OfStore<bool>>> {
    with(store, number, |store, bucket| {
        calls::store::exists(store, (bucket, key))
    })
}

fn get_keys<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (number,): (u32,),
) -> wasmtime::Result<Asked<OfStore<Keys>>> {
    with(store, number, |store, bucket| {
        let bucket = store.data().keyvalue().bucket(&bucket)?.clone();
        Ok(keys::of_bucket(store, bucket))
    })
}

fn listed<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    result: Result<OfStore<Keys>>,
) -> Result<Vec<String>, SpinError> {
    Ok(answer(store, result)?.whole()?)
}

fn answer<T: KeyvalueView, A>(
    store: &mut StoreContextMut<'_, T>,
    result: Result<OfStore<A>>,
) -> Result<A, SpinError> {
    let answered = calls::answer(store, result)?;
    answered.map_err(|NotOpen| SpinError::InvalidStore)
}

fn found<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    result: Result<OfStore<Option<Bytes>>>,
) -> Result<Bytes, SpinError> {
    answer(store, result)?.ok_or(SpinError::NoSuchKey)
}

// === impl SpinError ===

impl From<StoreError> for SpinError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchStore => Self::NoSuchStore,
            StoreError::AccessDenied => Self::AccessDenied,
            StoreError::Other(text) => Self::Io(text),
        }
    }
}
