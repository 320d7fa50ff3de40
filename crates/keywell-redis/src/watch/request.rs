//! What the listener at a primary is asked to do. Requests are carried out in the order sent.

use std::sync::Arc;

use keywell_store::Result;
use tokio::sync::oneshot;

use super::pending::Pending;
use super::slots::PeerRequest;
use super::watcher::Watcher;
use crate::options::Address;

/// A request to a listener.
pub(super) enum Request {
    /// Serve a watcher from now on, and answer once its subscriptions stand.
    Join(Arc<Watcher>, Option<oneshot::Sender<Result<()>>>),
    /// Stop serving the watcher of this number.
    Leave(u64),
    /// Read and emit a key that had no new event.
    Reread(Vec<u8>, Pending),
    /// What the listener at another node of the cluster asks.
    Peer(PeerRequest),
    /// This is the primary: give up a connection to another server.
    Reconnect(Address),
}
