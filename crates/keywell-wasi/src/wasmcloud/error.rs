use keywell_store::{Error, Invalid};
use wasmtime::component::{ComponentType, Lower};

use crate::error;
use crate::values::Trace;

/// The variant `error`.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(variant)]
pub(super) enum CloudError {
    #[component(name = "no-such-store")]
    NoSuchStore,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "invalid-argument")]
    InvalidArgument,
    #[component(name = "precondition-failed")]
    PreconditionFailed,
    #[component(name = "timeout")]
    #[expect(dead_code, reason = "the interface has it")]
    Timeout,
    #[component(name = "store-unavailable")]
    StoreUnavailable,
    #[component(name = "quota-exceeded")]
    QuotaExceeded,
    #[component(name = "other")]
    Other(String),
}

// === impl CloudError ===

impl From<Error> for CloudError {
    /// Logs what a guest must not read, and keeps what it may.
    fn from(error: Error) -> Self {
        error::log(&error);
        match error {
            Error::NoSuchBucket(_) => Self::NoSuchStore,
            Error::AccessDenied(_) => Self::AccessDenied,
            Error::Invalid(
                Invalid::EmptyKey
                | Invalid::KeyCharacter(_)
                | Invalid::BucketName
                | Invalid::Cursor
                | Invalid::Ttl
                | Invalid::WrittenTwice,
            ) => Self::InvalidArgument,
            Error::Invalid(
                Invalid::KeyTooLong { .. }
                | Invalid::ValueTooLarge { .. }
                | Invalid::BatchTooLong { .. }
                | Invalid::BatchTooLarge { .. },
            ) => Self::QuotaExceeded,
            Error::Unavailable(_) => Self::StoreUnavailable,
            error => Self::Other(error.for_guest().into()),
        }
    }
}

impl From<Trace> for CloudError {
    /// There was no room for a handle, or no budget for a value.
    fn from(_: Trace) -> Self {
        Self::QuotaExceeded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_case_that_says_what_to_do_and_no_secrets() {
        let of = |error: Error| CloudError::from(error);
        let too_large = Invalid::ValueTooLarge { bytes: 9, max: 8 };
        assert_eq!(of(too_large.into()), CloudError::QuotaExceeded);
        assert_eq!(of(Invalid::Ttl.into()), CloudError::InvalidArgument);
        let gone = Error::Unavailable("10.0.0.7".into());
        assert_eq!(of(gone), CloudError::StoreUnavailable);
        let CloudError::Other(text) = of(Error::Internal("hunter2".into())) else {
            panic!("it has no case of its own");
        };
        assert!(!text.contains("hunter2"), "{text}");
    }
}
