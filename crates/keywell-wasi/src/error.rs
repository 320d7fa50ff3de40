use keywell_store::Error;
use wasmtime::component::{ComponentType, Lower};

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
            Error::Invalid(_) | Error::Unsupported(_) => Self::Other(error.for_guest().into()),
            error => {
                tracing::warn!(%error, "a store failed");
                Self::Other(error.for_guest().into())
            }
        }
    }
}
