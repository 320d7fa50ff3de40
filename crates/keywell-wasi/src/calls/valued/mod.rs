//! The calls of the generations whose values and errors are resources, `0.1.0` and the one without
//! a version: what they have in common.

pub(crate) mod atomic;
pub(crate) mod batch;
pub(crate) mod entry;
pub(crate) mod types;

use keywell_store::{Error, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::Resource;

use crate::calls::about_budget;
use crate::keyvalue::KeyvalueView;
use crate::values::{ErrorHandle, Trace};

/// The second half of a call whose answer the guest gets as it is.
pub(crate) fn answer<T: KeyvalueView, A>(
    store: &mut StoreContextMut<'_, T>,
    result: Result<A>,
) -> Result<A, Resource<ErrorHandle>> {
    result.map_err(|error| failed(store, error))
}

/// The second half of a call that can fail by itself, besides the store.
pub(crate) fn answer_traced<T: KeyvalueView, A>(
    store: &mut StoreContextMut<'_, T>,
    result: Result<Result<A, Trace>>,
) -> Result<A, Resource<ErrorHandle>> {
    answer(store, result)?.map_err(|trace| store.data_mut().keyvalue_mut().add_trace(trace))
}

/// The `error` for a guest.
pub(crate) fn failed<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    error: Error,
) -> Resource<ErrorHandle> {
    let trace = match about_budget(store, &error) {
        Some(text) => Trace(text.into()),
        None => error.into(),
    };
    store.data_mut().keyvalue_mut().add_trace(trace)
}
