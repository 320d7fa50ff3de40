//! The first halves of calls that are alike in several generations: each reads its arguments from
//! the guest's memory and asks the store.

pub(crate) mod atomics;
pub(crate) mod batch;
pub(crate) mod store;

use keywell_store::Result;
use wasmtime::StoreContextMut;

use crate::error::StoreError;

/// The second half of a call whose answer the guest gets as it is.
pub(crate) fn answer<T, A>(
    _: &mut StoreContextMut<'_, T>,
    result: Result<A>,
) -> Result<A, StoreError> {
    result.map_err(StoreError::from)
}
