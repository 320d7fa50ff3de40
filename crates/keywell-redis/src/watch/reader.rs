//! What reads and emits watched keys at a primary: one way for a server, another for a cluster's node.

use redis::Value;

use super::key_event::KeyEvent;
use super::members::Members;
use super::pending::Pending;
use super::server_reader::ServerReader;
use super::slots::{NodeReader, PeerRequest, Peers, Resumed};
use super::value_query::ValueQuery;

/// Reads and emits keys.
pub(super) enum Reader {
    /// Of the only primary.
    Server(ServerReader),
    /// Of a node of a cluster, together with the listeners at the others.
    Node(Box<NodeReader>),
}

// === impl Reader ===

impl Reader {
    /// `peers` are the listeners at the other nodes of a cluster.
    pub(super) fn new(peers: Option<Peers>) -> Self {
        match peers {
            None => Self::Server(ServerReader::new()),
            Some(peers) => Self::Node(Box::new(NodeReader::new(peers))),
        }
    }

    /// An event of a key, as these watchers have heard.
    pub(super) fn hear(
        &mut self,
        name: Vec<u8>,
        watchers: &[u64],
        event: KeyEvent,
        members: &Members,
    ) {
        match self {
            Self::Server(reader) => reader.hear(name, watchers, event, members),
            Self::Node(reader) => reader.hear(name, watchers, event, members),
        }
    }

    /// Reads and emits a key that had no new event.
    pub(super) fn reread(&mut self, name: Vec<u8>, pending: Pending, members: &Members) {
        match self {
            Self::Server(reader) => reader.reread(name, pending, members),
            Self::Node(reader) => reader.reread(name, pending, members),
        }
    }

    /// A request of the listener at another node.
    pub(super) fn requested(&mut self, request: PeerRequest, members: &Members) {
        if let Self::Node(reader) = self {
            reader.requested(request, members);
        }
    }

    /// The next query to send, unless enough are in flight.
    pub(super) fn next(&mut self) -> Option<(Vec<u8>, ValueQuery)> {
        match self {
            Self::Server(reader) => reader.next(),
            Self::Node(reader) => reader.next(),
        }
    }

    /// The reply to a query.
    pub(super) fn answered(
        &mut self,
        name: Vec<u8>,
        query: ValueQuery,
        reply: Value,
        members: &Members,
    ) {
        match self {
            Self::Server(reader) => reader.answered(name, query, reply, members),
            Self::Node(reader) => reader.answered(name, query, reply, members),
        }
    }

    /// Waits for work that goes on beside the connection; `None` if there is none.
    pub(super) async fn resumed(&mut self) -> Option<Resumed> {
        match self {
            Self::Server(_) => None,
            Self::Node(reader) => reader.resumed().await,
        }
    }

    /// Goes on with work that [`resumed`](Self::resumed) returned.
    pub(super) fn resume(&mut self, resumed: Resumed, members: &Members) {
        if let Self::Node(reader) = self {
            reader.resume(resumed, members);
        }
    }
}
