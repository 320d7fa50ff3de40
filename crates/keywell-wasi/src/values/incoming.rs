use bytes::Bytes;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{DynInputStream, InputStream, StreamError, StreamResult};

use crate::budget::Charge;

/// The resource type `incoming-value`; its representation is that of a value in
/// [`Values`](super::Values).
pub(crate) enum IncomingHandle {}

/// A value that was read, until it is consumed. What is left afterwards is an empty one.
pub(crate) struct IncomingValue {
    bytes: Bytes,
    charge: Charge,
}

/// The stream of an incoming value.
struct Reader(IncomingValue);

// === impl IncomingValue ===

impl IncomingValue {
    /// A value whose bytes are charged.
    pub(crate) fn new(bytes: Bytes, charge: Charge) -> Self {
        Self { bytes, charge }
    }

    /// How many bytes are left to consume.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// All that is left, no longer charged.
    pub(crate) fn take(&mut self) -> Bytes {
        self.charge.release();
        std::mem::take(&mut self.bytes)
    }

    /// A stream of all that is left, which stays charged while the stream has it.
    pub(crate) fn stream(&mut self) -> DynInputStream {
        let charge = self.charge.split();
        let bytes = std::mem::take(&mut self.bytes);
        Box::new(Reader(Self { bytes, charge }))
    }
}

// === impl Reader ===

#[async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {}
}

impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let Self(left) = self;
        if left.bytes.is_empty() {
            // The stream's bytes are one allocation, which goes with the last of them.
            left.charge.release();
            return Err(StreamError::Closed);
        }
        Ok(left.bytes.split_to(size.min(left.bytes.len())))
    }
}
