use keywell_store::{Error, Invalid, Kind};
use wasmtime::component::{ComponentType, Lower};

use crate::own::{OwnError, SizeLimit};
use crate::values::Trace;

/// The variant `keywell:collections/store.error`.
#[derive(Clone, Debug, ComponentType, Lower)]
#[component(variant)]
pub(super) enum CollectionsError {
    #[component(name = "no-such-bucket")]
    NoSuchBucket,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "wrong-kind")]
    WrongKind(WitKind),
    #[component(name = "not-text")]
    NotText,
    #[component(name = "too-large")]
    TooLarge(SizeLimit),
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

/// The enum `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(enum)]
#[repr(u8)]
pub(super) enum WitKind {
    #[component(name = "value")]
    Value,
    #[component(name = "list")]
    List,
    #[component(name = "set")]
    Set,
}

// === impl CollectionsError ===

impl From<Error> for CollectionsError {
    /// Logs what a guest must not read, and keeps what it may.
    fn from(error: Error) -> Self {
        let error = match error {
            Error::Invalid(Invalid::Kind(kind)) => return Self::WrongKind(kind.into()),
            error => OwnError::from(error),
        };
        match error {
            OwnError::NoSuchBucket => Self::NoSuchBucket,
            OwnError::AccessDenied => Self::AccessDenied,
            OwnError::TooLarge(limit) => Self::TooLarge(limit),
            OwnError::NotANumber => Self::NotANumber,
            OwnError::Overflow => Self::Overflow,
            OwnError::Invalid(text) => Self::Invalid(text),
            OwnError::Unsupported(what) => Self::Unsupported(what),
            OwnError::Unavailable => Self::Unavailable,
            OwnError::Ambiguous => Self::Ambiguous,
            OwnError::Other(text) => Self::Other(text),
            OwnError::CheckFailed(_)
            | OwnError::InvalidCursor
            | OwnError::InvalidToken
            | OwnError::Compacted => Self::Other("the store answered another call".into()),
        }
    }
}

impl From<Trace> for CollectionsError {
    /// There is no room for another handle.
    fn from(Trace(text): Trace) -> Self {
        Self::Other(text.into())
    }
}

// === impl WitKind ===

impl From<Kind> for WitKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Value => Self::Value,
            Kind::List => Self::List,
            Kind::Set => Self::Set,
        }
    }
}
