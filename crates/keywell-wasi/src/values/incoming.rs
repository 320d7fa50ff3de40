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

struct Nothing;

/// The stream of an incoming value.
struct Reader(IncomingValue);

/// A stream of nothing, in the place of one that is to come.
pub(crate) fn no_stream() -> DynInputStream {
    Box::new(Nothing)
}

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

// === impl Nothing ===

#[async_trait]
impl Pollable for Nothing {
    async fn ready(&mut self) {}
}

impl InputStream for Nothing {
    fn read(&mut self, _: usize) -> StreamResult<Bytes> {
        Err(StreamError::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Budget;

    fn value(budget: &mut Budget) -> IncomingValue {
        let bytes = Bytes::from_static(b"green tea");
        let charge = budget.hold(bytes.len()).unwrap();
        IncomingValue::new(bytes, charge)
    }

    #[test]
    fn a_value_is_consumed_once_and_charged_until_then() {
        let mut budget = Budget::new(9);
        let mut value = value(&mut budget);
        assert_eq!((value.len(), budget.remaining()), (9, 0));
        assert_eq!(value.take(), "green tea");
        assert_eq!((value.len(), budget.remaining()), (0, 9));
        assert_eq!(value.take(), "");
        let read = value.stream().read(1);
        assert!(matches!(read, Err(StreamError::Closed)));
    }

    #[test]
    fn a_stream_that_is_never_read_to_its_end_is_charged_until_it_is_dropped() {
        let mut budget = Budget::new(9);
        let mut value = value(&mut budget);
        let mut stream = value.stream();
        assert_eq!((value.len(), value.take()), (0, Bytes::new()));
        drop(value);
        assert_eq!(stream.read(0).unwrap(), "");
        assert_eq!(stream.read(5).unwrap(), "green");
        assert_eq!(budget.remaining(), 0);
        drop(stream);
        assert_eq!(budget.remaining(), 9);
    }

    #[test]
    fn a_stream_that_was_read_to_its_end_is_not_charged() {
        let mut budget = Budget::new(9);
        let mut stream = value(&mut budget).stream();
        assert_eq!(stream.read(usize::MAX).unwrap(), "green tea");
        assert!(matches!(stream.read(1), Err(StreamError::Closed)));
        assert_eq!(budget.remaining(), 9);
    }
}
