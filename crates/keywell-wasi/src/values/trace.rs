use std::borrow::Cow;

use keywell_store::Error;

use crate::budget::OverBudget;
use crate::error::{self, StoreError};

/// The resource type `error`; its representation is that of a trace in
/// [`Values`](super::Values).
pub(crate) enum ErrorHandle {}

/// What an `error` says of itself, as a guest may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace(pub(crate) Cow<'static, str>);

// === impl Trace ===

impl Trace {
    /// The one that guests compare with, where a missing key is an error.
    pub(crate) const NOT_FOUND: Self = Self(Cow::Borrowed("Key not found"));
    /// There is no room in the table of `wasi:io`.
    pub(crate) const NO_STREAMS: Self = Self(Cow::Borrowed("no more streams may be open at once"));
    /// The embedder has no table of `wasi:io`.
    pub(crate) const NO_TABLE: Self = Self(Cow::Borrowed("this host has no streams for values"));
}

impl From<Error> for Trace {
    /// Logs what a guest must not read, and keeps what it may.
    fn from(error: Error) -> Self {
        error::log(&error);
        Self(error.for_guest())
    }
}

impl From<OverBudget> for Trace {
    fn from(over: OverBudget) -> Self {
        Self(over.to_string().into())
    }
}

impl From<Trace> for StoreError {
    fn from(Trace(text): Trace) -> Self {
        Self::Other(text.into())
    }
}
