//! How lines are written, and where to.

use serde::Serialize;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `NAME | MESSAGE`.
    #[default]
    Text,
    /// An object with `component`, `stream` (`stdout` or `stderr`) and `message`. Lines of Keywell's
    /// own, such as that others were dropped, have no `component`.
    Json,
}

/// Which of its two streams a component prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}
