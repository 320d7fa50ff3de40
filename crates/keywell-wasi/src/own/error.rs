use keywell_store::{Error, Invalid};
use wasmtime::component::{ComponentType, Lower};

use crate::values::Trace;

/// The variant `keywell:keyvalue/store.error`, and the one place where errors of the contract
/// become it.
#[derive(Clone, Debug, ComponentType, Lower)]
#[component(variant)]
pub(crate) enum OwnError {
    #[component(name = "no-such-bucket")]
    NoSuchBucket,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "check-failed")]
    CheckFailed(u32),
    #[component(name = "too-large")]
    TooLarge(SizeLimit),
    #[component(name = "invalid-cursor")]
    InvalidCursor,
    #[component(name = "invalid-token")]
    InvalidToken,
    #[component(name = "compacted")]
    Compacted,
    #[component(name = "not-a-number")]
    NotANumber,
    #[component(name = "overflow")]
    Overflow,
    #[component(name = "invalid")]
    Invalid(String),
    #[component(name = "unsupported")]
    Unsupported(String),
    #[component(name = "unavailable")]
    Unavailable,
    #[component(name = "ambiguous")]
    Ambiguous,
    #[component(name = "other")]
    Other(String),
}

/// The record `size-limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub(crate) struct SizeLimit {
    measure: Measure,
    max: u64,
}

/// The enum `measure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Measure {
    #[component(name = "key-bytes")]
    KeyBytes,
    #[component(name = "value-bytes")]
    ValueBytes,
    #[component(name = "batch-keys")]
    BatchKeys,
    #[component(name = "batch-bytes")]
    BatchBytes,
}

// === impl OwnError ===

impl OwnError {
    /// The check at this place did not hold.
    pub(super) fn check_failed(place: usize) -> Self {
        Self::CheckFailed(u32::try_from(place).unwrap_or(u32::MAX))
    }

    fn too_large(measure: Measure, max: usize) -> Self {
        let max = max as u64;
        Self::TooLarge(SizeLimit { measure, max })
    }
}

impl From<Error> for OwnError {
    /// Logs what a guest must not read, and keeps what it may.
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchBucket(_) => Self::NoSuchBucket,
            Error::AccessDenied(_) => Self::AccessDenied,
            Error::Invalid(invalid) => invalid.into(),
            Error::Unsupported(what) => Self::Unsupported(what.to_owned()),
            error => {
                tracing::warn!(%error, "a store failed");
                match error {
                    Error::Unavailable(_) => Self::Unavailable,
                    Error::Ambiguous(_) => Self::Ambiguous,
                    error => Self::Other(error.for_guest().into()),
                }
            }
        }
    }
}

impl From<Invalid> for OwnError {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::KeyTooLong { max, .. } => Self::too_large(Measure::KeyBytes, max),
            Invalid::ValueTooLarge { max, .. } => Self::too_large(Measure::ValueBytes, max),
            Invalid::BatchTooLong { max, .. } => Self::too_large(Measure::BatchKeys, max),
            Invalid::BatchTooLarge { max, .. } => Self::too_large(Measure::BatchBytes, max),
            Invalid::Cursor => Self::InvalidCursor,
            Invalid::Token => Self::InvalidToken,
            Invalid::Compacted => Self::Compacted,
            Invalid::NotANumber => Self::NotANumber,
            Invalid::Overflow => Self::Overflow,
            // An empty key, one of characters that the store lacks, one written twice, the name of
            // a bucket, a time to live.
            invalid => Self::Invalid(invalid.to_string()),
        }
    }
}

impl From<Trace> for OwnError {
    /// There is no room for another handle, or for what it holds.
    fn from(Trace(text): Trace) -> Self {
        Self::Other(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_comes_with_its_measure() {
        let error = OwnError::from(Error::Invalid(Invalid::KeyTooLong { bytes: 9, max: 8 }));
        let OwnError::TooLarge(limit) = error else {
            panic!("{error:?}")
        };
        assert_eq!((limit.measure, limit.max), (Measure::KeyBytes, 8));
    }

    #[test]
    fn nothing_of_a_failure_reaches_the_guest() {
        for failure in [Error::Corrupt, Error::Internal] {
            let error = OwnError::from(failure("10.0.0.7 with password hunter2".into()));
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        let gone = OwnError::from(Error::Unavailable("10.0.0.7".into()));
        assert!(matches!(gone, OwnError::Unavailable));
        let lost = OwnError::from(Error::Ambiguous("10.0.0.7".into()));
        assert!(matches!(lost, OwnError::Ambiguous));
    }
}
