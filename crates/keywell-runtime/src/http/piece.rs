use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::connection::Connection;

/// A piece of a body, which over HTTP/2 counts until it is sent.
pub(crate) struct Piece {
    bytes: Bytes,
    _held: Option<HeldPiece>,
}

/// Counts as held by a connection, until this is dropped.
pub(super) struct HeldPiece {
    connection: Arc<Connection>,
    period: usize,
}

// === impl Piece ===

impl Piece {
    pub(super) fn new(bytes: Bytes, held: Option<HeldPiece>) -> Self {
        Self { bytes, _held: held }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

// === impl HeldPiece ===

impl HeldPiece {
    pub(super) fn by(connection: &Arc<Connection>) -> Self {
        Self {
            connection: connection.clone(),
            period: connection.unsent().hold(),
        }
    }
}

impl Drop for HeldPiece {
    fn drop(&mut self) {
        self.connection.unsent().sent(self.period);
    }
}
