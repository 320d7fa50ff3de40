use crate::options::Address;

/// A primary of a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Primary {
    /// The only one.
    Only,
    /// One of a cluster.
    Node(Address),
}
