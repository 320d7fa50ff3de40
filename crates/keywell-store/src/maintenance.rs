use std::path::PathBuf;

/// What an operator has a store do: see [`Store::maintain`](crate::Store::maintain).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Maintenance {
    /// Copy the store, as it is at one instant, to a new place that the process of the store can
    /// write to.
    Backup(PathBuf),
    /// Give the space of what was deleted back.
    Compact,
}
