//! The first halves of calls that are alike in several generations: each reads its arguments from
//! the guest's memory and asks the store.

pub(crate) mod atomics;
pub(crate) mod batch;
pub(crate) mod keys;
pub(crate) mod store;
pub(crate) mod valued;

use keywell_store::{Error, Failure, Invalid, Result};
use wasmtime::StoreContextMut;

use crate::budget::{Budget, OverBudget};
use crate::error::StoreError;
use crate::keyvalue::KeyvalueView;

/// The second half of a call whose answer the guest gets as it is.
pub(crate) fn answer<T: KeyvalueView, A>(
    store: &mut StoreContextMut<'_, T>,
    result: Result<A>,
) -> Result<A, StoreError> {
    result.map_err(|error| refused(store, error))
}

/// As [`answer`], for an interface with an error type of its own.
pub(crate) fn answer_as<T, A, E: From<Error>>(
    _: &mut StoreContextMut<'_, T>,
    result: Result<A>,
) -> Result<A, E> {
    result.map_err(E::from)
}

/// An error for the guest. One that comes of its budget says so.
pub(crate) fn refused<T: KeyvalueView>(store: &StoreContextMut<'_, T>, error: Error) -> StoreError {
    match about_budget(store, &error) {
        Some(text) => StoreError::Other(text),
        None => error.into(),
    }
}

/// The text for an error that the instance's budget causes.
fn about_budget<T: KeyvalueView>(store: &StoreContextMut<'_, T>, error: &Error) -> Option<String> {
    let budget = store.data().keyvalue().budget();
    match error {
        Error::Invalid(Invalid::ValueTooLarge { max, .. } | Invalid::BatchTooLarge { max, .. })
            if *max == budget.remaining() =>
        {
            Some(format!(
                "{}; the host holds at most {} bytes for an instance, which follows from its memory \
                 limit",
                error.for_guest(),
                budget.limit()
            ))
        }
        _ => None,
    }
}

/// Checks that the host may hold this many bytes of arguments until the store has answered.
#[inline]
pub(crate) fn fits<T: KeyvalueView>(store: &StoreContextMut<'_, T>, bytes: usize) -> Result<()> {
    let budget = store.data().keyvalue().budget();
    match budget.check(bytes) {
        Ok(()) => Ok(()),
        Err(over) => Err(does_not_fit(budget, bytes, over)),
    }
}

#[cold]
fn does_not_fit(budget: &Budget, bytes: usize, over: OverBudget) -> Error {
    match over {
        OverBudget::Instance { .. } => {
            let max = budget.remaining();
            Invalid::BatchTooLarge { bytes, max }.into()
        }
        OverBudget::Total { .. } => Error::Unavailable(Failure::new(over.to_string())),
    }
}
