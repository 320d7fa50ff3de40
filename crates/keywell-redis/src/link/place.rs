use crate::options::Address;

/// A primary of a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// The only one.
    Primary,
    /// One of a cluster.
    Node(Address),
}
