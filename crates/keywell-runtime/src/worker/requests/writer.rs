use bytes::{Bytes, BytesMut};
use keywell_wasi::Charge;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::pipe::ClosedOutputStream;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use super::message::MAX_BODY;

/// The stream of a body that a component writes. It takes a piece at any time, so that nothing depends
/// on who reads it, up to the longest body and one byte, with which it is too large.
pub(crate) struct BodyWriter {
    inner: Box<dyn OutputStream>,
    /// What was written and is too little for a piece.
    rest: BytesMut,
    written: usize,
    charge: Charge,
}

/// Bytes that are charged while they are there.
struct Charged(
    Bytes,
    #[expect(dead_code, reason = "it is dropped with them")] Charge,
);

// === impl BodyWriter ===

impl BodyWriter {
    /// The size of a piece, in bytes.
    pub(crate) const PIECE: usize = 12 * 1024;
    /// How many pieces a body has at most.
    pub(crate) const PIECES: usize = MAX_BODY / Self::PIECE + 2;

    /// Puts a writer before a stream that has room for all pieces.
    pub(crate) fn wrap(stream: &mut Box<dyn OutputStream>, charge: Charge) {
        let inner = std::mem::replace(stream, Box::new(ClosedOutputStream));
        *stream = Box::new(Self {
            inner,
            rest: BytesMut::new(),
            written: 0,
            charge,
        });
    }

    fn pass_on(&mut self, bytes: usize) -> StreamResult<()> {
        let piece = self.rest.split_to(bytes).freeze();
        let charge = self.charge.split_to(bytes);
        self.inner.write(Bytes::from_owner(Charged(piece, charge)))
    }
}

impl OutputStream for BodyWriter {
    fn write(&mut self, mut bytes: Bytes) -> StreamResult<()> {
        bytes.truncate(MAX_BODY + 1 - self.written);
        let charged = self.charge.add(bytes.len());
        charged.map_err(|error| StreamError::Trap(error.into()))?;
        self.written += bytes.len();
        self.rest.extend_from_slice(&bytes);
        while self.rest.len() >= Self::PIECE {
            self.pass_on(Self::PIECE)?;
        }
        if self.written > MAX_BODY {
            let error = ErrorCode::HttpRequestBodySize(Some(self.written as u64));
            return Err(StreamError::LastOperationFailed(error.into()));
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        if self.written > MAX_BODY {
            return Err(StreamError::Closed);
        }
        self.inner.check_write()?;
        Ok(Self::PIECE)
    }
}

#[async_trait]
impl Pollable for BodyWriter {
    async fn ready(&mut self) {}
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        if !self.rest.is_empty() {
            // Where nothing reads it any more, it is of no use. A wrong length shows when the body is
            // finished.
            drop(self.pass_on(self.rest.len()));
        }
    }
}

// === impl Charged ===

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
