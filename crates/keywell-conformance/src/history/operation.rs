use std::fmt;

use serde::{Deserialize, Serialize};

/// A request for one key. Values and versions are text, so that people can read histories and
/// processes can exchange them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Reads the value and the version.
    Get,
    /// Asks whether the key exists.
    Exists,
    /// Writes this value.
    Set(String),
    /// Removes the key.
    Delete,
    /// Compare-and-swap.
    Swap {
        /// The version that the key must have; `None` if it must be absent.
        expected: Option<String>,
        /// The new value; `None` removes the key.
        change: Option<String>,
    },
    /// Adds this to the counter.
    Increment(i64),
}

/// The response to a [`Request`], errors included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// The value and the version; `None` if the key is absent.
    Entry(Option<(String, String)>),
    /// Whether the key exists.
    Exists(bool),
    /// Written, at this version.
    Set(String),
    /// Removed.
    Deleted,
    /// Swapped; at this version, or removed.
    Swapped(Option<String>),
    /// Not swapped, because the key had another version.
    Stale,
    /// Added; this is the sum.
    Sum(i64),
    /// Not added, because the value is not a number.
    NotANumber,
    /// Not added, because the sum is out of range.
    Overflow,
    /// An error after which nothing was written.
    Refused(String),
    /// An error after which the write may have taken effect, or may do so later.
    Ambiguous(String),
}

/// A request, and its response if there was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The client.
    pub client: usize,
    /// The key.
    pub key: String,
    /// The request.
    pub request: Request,
    /// When it was sent, on the clock of the history.
    pub invoked: u64,
    /// The response and when it arrived; `None` if the client died first.
    pub response: Option<(Response, u64)>,
}

// === impl Operation ===

impl Operation {
    /// The response, unless it is ambiguous.
    pub(super) fn outcome(&self) -> Option<(&Response, u64)> {
        match &self.response {
            None | Some((Response::Ambiguous(_), _)) => None,
            Some((response, returned)) => Some((response, *returned)),
        }
    }

    /// Whether the operation changed nothing, whatever the state was.
    pub(super) fn is_without_effect(&self) -> bool {
        match (&self.request, &self.response) {
            (Request::Get | Request::Exists, _) => true,
            (_, Some((response, _))) => matches!(
                response,
                Response::Stale | Response::NotANumber | Response::Overflow | Response::Refused(_)
            ),
            (_, None) => false,
        }
    }

    /// Whether the operation constrains the state of the key.
    pub(super) fn is_evidence(&self) -> bool {
        match self.outcome() {
            Some((Response::Refused(_), _)) => false,
            Some(_) => true,
            None => !self.is_without_effect(),
        }
    }
}

// === impl Request ===

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get => f.write_str("get"),
            Self::Exists => f.write_str("exists"),
            Self::Set(value) => write!(f, "set {value:?}"),
            Self::Delete => f.write_str("delete"),
            Self::Swap { expected, change } => {
                match expected {
                    Some(version) => write!(f, "swap #{version} ")?,
                    None => f.write_str("swap absent ")?,
                }
                match change {
                    Some(value) => write!(f, "for {value:?}"),
                    None => f.write_str("for nothing"),
                }
            }
            Self::Increment(delta) => write!(f, "increment {delta}"),
        }
    }
}

// === impl Response ===

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(None) => f.write_str("absent"),
            Self::Entry(Some((value, version))) => write!(f, "{value:?} #{version}"),
            Self::Exists(exists) => write!(f, "{exists}"),
            Self::Deleted | Self::Swapped(None) => f.write_str("done"),
            Self::Set(version) | Self::Swapped(Some(version)) => write!(f, "done #{version}"),
            Self::Stale => f.write_str("stale"),
            Self::Sum(sum) => write!(f, "{sum}"),
            Self::NotANumber => f.write_str("not a number"),
            Self::Overflow => f.write_str("overflow"),
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::Ambiguous(error) => write!(f, "ambiguous: {error}"),
        }
    }
}
