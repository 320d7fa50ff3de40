//! How a listener at a node of a cluster reaches the listeners at the other nodes.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::contention::Contention;
use crate::link::Primary;

/// What the listener at one node asks of the listener at another.
pub(in crate::watch) enum PeerRequest {
    /// Read and emit a key, whose events the sender has heard or keeps.
    Take(Vec<u8>, Box<Contention>),
    /// Try a key again that the sender's node claims as well.
    Retry(Vec<u8>, Box<Contention>),
}

/// The listeners of a store, by node.
pub(in crate::watch) trait Directory: Send + Sync {
    /// Whether a node has a listener.
    fn is_listening(&self, primary: &Primary) -> bool;

    /// Sends a request to the listener at a node, or returns it if there is none.
    fn send(&self, to: &Primary, request: PeerRequest) -> Result<(), PeerRequest>;

    /// Starts a listener at a node that had none, if it is one of the cluster's primaries.
    fn discover(self: Arc<Self>, primary: Primary) -> BoxFuture<'static, ()>;
}
