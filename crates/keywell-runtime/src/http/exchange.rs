use std::sync::Arc;

use bytes::Bytes;
use http::Version;

use super::connection::Connection;
use super::piece::{HeldPiece, Piece};
use super::progress::Progress;
use crate::call::Call;

/// A request and its response, until both are finished.
pub(crate) struct Exchange {
    connection: Arc<Connection>,
    /// Of a stream of its own, over HTTP/2.
    stream: Option<Arc<Progress>>,
    version: Version,
}

// === impl Exchange ===

impl Exchange {
    /// A request has arrived on a connection.
    pub(super) fn begin(connection: &Arc<Connection>, version: Version) -> Self {
        Self {
            stream: connection.begins(version),
            connection: connection.clone(),
            version,
        }
    }

    /// A guest continues to write the body.
    pub(super) fn runs<T>(&self, call: &Call<T>) {
        let deadline = call.deadline().into();
        self.progress().runs(call.component().clone(), deadline);
    }

    /// The guest has returned.
    pub(super) fn returned(&self) {
        self.progress().returned();
    }

    /// The client is to be sent a piece of the body. Over HTTP/1 the connection itself sees how
    /// long a write waits.
    pub(super) fn send(&self, bytes: Bytes) -> Piece {
        let held = self.stream.as_ref().map(|stream| {
            stream.waits();
            HeldPiece::by(&self.connection)
        });
        Piece::new(bytes, held)
    }

    /// There is room for the next piece.
    pub(super) fn goes_on(&self) {
        if let Some(stream) = &self.stream {
            stream.goes_on();
        }
    }

    /// The body ends before its end.
    pub(super) fn breaks(&self) {
        // The end of the connection is that of a body to HTTP/1.0.
        if self.version < Version::HTTP_11 {
            self.connection.reset_when_ended();
        }
    }

    /// Whether a guest must not run on behind its response.
    pub(super) fn is_ended(&self) -> bool {
        self.connection.is_reset() || self.progress().is_ended()
    }

    fn progress(&self) -> &Progress {
        self.stream
            .as_deref()
            .unwrap_or_else(|| self.connection.progress())
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.progress().is_over();
        self.connection.is_over();
    }
}
