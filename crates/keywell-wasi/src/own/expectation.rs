use std::time::Duration;

use keywell_store::{Expected, Result, Set};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, WasmList};

use super::version;
use crate::keyvalue::KeyvalueView;

/// The variant `expectation`.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub(super) enum Expectation {
    #[component(name = "any")]
    Any,
    #[component(name = "absent")]
    Absent,
    #[component(name = "at")]
    At(WasmList<u8>),
}

// === impl Expectation ===

impl Expectation {
    /// What must hold; `None` if anything may.
    pub(super) fn expected<T: KeyvalueView>(
        &self,
        store: &StoreContextMut<'_, T>,
    ) -> Option<Expected> {
        match self {
            Self::Any => None,
            Self::Absent => Some(Expected::Absent),
            Self::At(bytes) => Some(Expected::At(version::of_bytes(bytes.as_le_slice(store)))),
        }
    }

    /// How many bytes of it the host copies.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Any | Self::Absent => 0,
            Self::At(bytes) => bytes.len(),
        }
    }
}

/// How a value is set that has a time to live of so many milliseconds, if it has one.
pub(crate) fn expiring(ttl: Option<u64>) -> Result<Set> {
    match ttl {
        None => Ok(Set::default()),
        Some(millis) => Set::expiring(Duration::from_millis(millis)),
    }
}
