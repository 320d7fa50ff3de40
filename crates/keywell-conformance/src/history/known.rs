use keywell_store::counter;

use super::operation::{Asked, Operation, Told};

/// What one answer says of a key: all there is to know of it at the moment of its effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Absent,
    /// A value, and its version where it was told.
    Held(String, Option<String>),
}

// === impl Known ===

impl Known {
    /// What held just after an operation, where its answer says so, whatever held before.
    pub(super) fn after(operation: &Operation) -> Option<Self> {
        let (told, _) = operation.answer()?;
        match (&operation.asked, told) {
            (_, Told::Entry(Some((value, version))))
            | (Asked::Set(value), Told::Set(version))
            | (
                Asked::Swap {
                    change: Some(value),
                    ..
                },
                Told::Swapped(Some(version)),
            ) => Some(Self::Held(value.clone(), Some(version.clone()))),
            (_, Told::Sum(sum)) => {
                let value = counter::text(*sum);
                Some(Self::Held(String::from_utf8_lossy(&value).into(), None))
            }
            (_, Told::Entry(None) | Told::Exists(false) | Told::Deleted | Told::Swapped(None)) => {
                Some(Self::Absent)
            }
            _ => None,
        }
    }
}
