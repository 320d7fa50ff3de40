use keywell_store::counter;

use super::operation::{Operation, Request, Response};

/// The state of a key as one response shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Absent,
    /// A value, and its version if the response has it.
    Held(String, Option<String>),
}

// === impl Known ===

impl Known {
    /// The state just after an operation, if its response alone determines it.
    pub(super) fn after(operation: &Operation) -> Option<Self> {
        let (response, _) = operation.outcome()?;
        match (&operation.request, response) {
            (_, Response::Entry(Some((value, version))))
            | (Request::Set(value), Response::Set(version))
            | (
                Request::Swap {
                    change: Some(value),
                    ..
                },
                Response::Swapped(Some(version)),
            ) => Some(Self::Held(value.clone(), Some(version.clone()))),
            (_, Response::Sum(sum)) => {
                let value = counter::text(*sum);
                Some(Self::Held(String::from_utf8_lossy(&value).into(), None))
            }
            (
                _,
                Response::Entry(None)
                | Response::Exists(false)
                | Response::Deleted
                | Response::Swapped(None),
            ) => Some(Self::Absent),
            _ => None,
        }
    }
}
