use keywell_store::Error;
use wasmtime::component::{ComponentType, Lower};

/// Logs an error that the caller cannot fix, with details that a guest must not read.
pub(crate) fn log(error: &Error) {
    if !matches!(
        error,
        Error::NoSuchBucket(_) | Error::AccessDenied(_) | Error::Invalid(_) | Error::Unsupported(_)
    ) {
        tracing::warn!(%error, "a store failed");
    }
}

/// The variant `wasi:keyvalue/store.error`, alike in both drafts.
#[derive(Clone, Debug, ComponentType, Lower)]
#[component(variant)]
pub(crate) enum StoreError {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "other")]
    Other(String),
}

// === impl StoreError ===

impl From<Error> for StoreError {
    /// Logs what a guest must not read, and keeps what it may.
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchBucket(_) => Self::NoSuchStore,
            Error::AccessDenied(_) => Self::AccessDenied,
            error => {
                log(&error);
                Self::Other(error.for_guest().into())
            }
        }
    }
}
