use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use keywell_store::{Answer, Invalid};
use parking_lot::Mutex;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{DynOutputStream, OutputStream, StreamError, StreamResult};

use crate::budget::Charge;
use crate::cache::Fill;
use crate::values::Trace;

/// The resource type `outgoing-value`; its representation is that of a value in
/// [`Values`](super::Values).
pub(crate) enum OutgoingHandle {}

/// A value that a guest writes before it is stored. Its streams write to the same body, and may
/// outlive it.
#[derive(Clone)]
pub(crate) struct OutgoingValue(Arc<Mutex<Body>>);

struct Body {
    written: Written,
    /// The most bytes that it may have.
    max: usize,
    charge: Charge,
    /// Why a stream did not write all that it was given.
    failure: Option<Trace>,
    /// Whether its writing was begun, if only with no bytes.
    is_begun: bool,
    /// The vacant key that it fills when its resource is dropped.
    fill: Option<Fill>,
}

enum Written {
    /// As it was stored last, or by a single write.
    Whole(Bytes),
    Growing(BytesMut),
}

/// The stream of an outgoing value.
struct Writer(OutgoingValue);

// === impl OutgoingValue ===

impl OutgoingValue {
    /// An empty one that may grow to `max` bytes, for as long as `charge` may.
    pub(crate) fn new(max: usize, charge: Charge) -> Self {
        Self(Arc::new(Mutex::new(Body {
            written: Written::Whole(Bytes::new()),
            max,
            charge,
            failure: None,
            is_begun: false,
            fill: None,
        })))
    }

    /// The same value, which fills a vacant key when its resource is dropped.
    pub(crate) fn filling(self, fill: Fill) -> Self {
        self.0.lock().fill = Some(fill);
        self
    }

    /// Whether it fills a vacant key.
    pub(crate) fn is_filling(&self) -> bool {
        self.0.lock().fill.is_some()
    }

    /// Stores what was written in the key that it fills, if there is one. Where nothing was
    /// written, or not all, the key stays vacant.
    pub(crate) fn fill(&self) -> Option<Answer<()>> {
        let mut body = self.0.lock();
        let fill = body.fill.take()?;
        if !body.is_begun {
            return None;
        }
        let bytes = body.bytes().ok()?;
        // The charge goes with the bytes, so streams that are left keep none of them.
        let charge = body.charge.split();
        body.written = Written::Whole(Bytes::new());
        body.failure = Some(Trace("the value was stored".into()));
        drop(body);
        Some(fill.store(bytes).map(move |()| drop(charge)))
    }

    /// Appends bytes, or none of them.
    pub(crate) fn append(&self, bytes: &[u8]) -> Result<(), Trace> {
        self.0.lock().append(bytes)
    }

    /// What was written up to now. Refused if a stream was given more than it could write, since
    /// what is here then is a part of what the guest meant.
    pub(crate) fn bytes(&self) -> Result<Bytes, Trace> {
        self.0.lock().bytes()
    }

    /// A stream that appends.
    pub(crate) fn stream(&self) -> DynOutputStream {
        self.0.lock().is_begun = true;
        Box::new(Writer(self.clone()))
    }
}

// === impl Body ===

impl Body {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Trace> {
        let total = self.written.len().saturating_add(bytes.len());
        if total > self.max {
            let (bytes, max) = (total, self.max);
            return Err(Trace(
                Invalid::ValueTooLarge { bytes, max }.to_string().into(),
            ));
        }
        if let Some(fill) = &self.fill {
            fill.check(total)?;
        }
        self.is_begun = true;
        if self.written.len() == 0 {
            self.charge.add(bytes.len())?;
            self.written = Written::Whole(Bytes::copy_from_slice(bytes));
            return Ok(());
        }
        self.reserve(total)?.extend_from_slice(bytes);
        Ok(())
    }

    /// The bytes with room for `total` of them. Grows to twice the size where the budget has room
    /// for that.
    fn reserve(&mut self, total: usize) -> Result<&mut BytesMut, Trace> {
        let charged = self.charge.bytes();
        if total > charged {
            let ample = total.max(charged * 2).min(self.max);
            if self.charge.add(ample - charged).is_err() {
                self.charge.add(total - charged)?;
            }
        }
        let room = self.charge.bytes();
        let growing = match std::mem::replace(&mut self.written, Written::Whole(Bytes::new())) {
            Written::Growing(growing) if growing.capacity() >= total => growing,
            shorter => {
                let mut growing = BytesMut::with_capacity(room);
                growing.extend_from_slice(shorter.as_slice());
                growing
            }
        };
        self.written = Written::Growing(growing);
        match &mut self.written {
            Written::Growing(growing) => Ok(growing),
            Written::Whole(_) => unreachable!("it was just set"),
        }
    }

    fn bytes(&mut self) -> Result<Bytes, Trace> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if let Written::Growing(growing) = &mut self.written {
            // A store in memory keeps the allocation.
            let is_ample = growing.capacity() > growing.len() + growing.len() / 4;
            self.written = Written::Whole(if is_ample {
                Bytes::copy_from_slice(growing)
            } else {
                growing.split().freeze()
            });
        }
        match &self.written {
            Written::Whole(bytes) => Ok(bytes.clone()),
            Written::Growing(_) => unreachable!("it was just set"),
        }
    }
}

// === impl Written ===

impl Written {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Growing(bytes) => bytes,
        }
    }

    fn len(&self) -> usize {
        self.as_slice().len()
    }
}

// === impl Writer ===

impl Writer {
    /// How many bytes a guest may give at once.
    const PERMIT: usize = 64 << 10;
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}

impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut body = self.0.0.lock();
        if body.failure.is_some() {
            return Err(StreamError::Closed);
        }
        // Why it is closed is said by `set`: what a failed operation of a stream says of itself can
        // have a trace of the host's own calls.
        body.append(&bytes).map_err(|trace| {
            body.failure = Some(trace);
            StreamError::Closed
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check_write().map(drop)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        match self.0.0.lock().failure {
            Some(_) => Err(StreamError::Closed),
            None => Ok(Self::PERMIT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Budget;

    fn value(budget: &mut Budget, max: usize) -> OutgoingValue {
        OutgoingValue::new(max, budget.hold_nothing())
    }

    #[test]
    fn writes_append_and_one_past_the_largest_value_changes_nothing() {
        let mut budget = Budget::new(1000);
        let value = value(&mut budget, 10);
        assert_eq!(value.bytes().unwrap(), "");
        for piece in ["", "gre", "en", " tea"] {
            value.append(piece.as_bytes()).unwrap();
        }
        assert!(value.append(b"..").unwrap_err().0.contains("11 bytes"));
        let stored = value.bytes().unwrap();
        value.append(b".").unwrap();
        assert_eq!(
            (stored, value.bytes().unwrap()),
            ("green tea".into(), "green tea.".into())
        );
    }

    #[test]
    fn what_is_written_stays_within_the_budget_until_value_and_streams_are_gone() {
        let mut budget = Budget::new(100);
        let value = value(&mut budget, 1000);
        for _ in 0..9 {
            value.append(&[0; 10]).unwrap();
        }
        assert!(budget.remaining() <= 10, "{budget:?}");
        assert!(value.append(&[0; 11]).unwrap_err().0.contains("100 bytes"));
        value.append(&[0; 10]).unwrap();
        assert_eq!((value.bytes().unwrap().len(), budget.remaining()), (100, 0));
        let stream = value.stream();
        drop(value);
        assert_eq!(budget.remaining(), 0);
        drop(stream);
        assert_eq!(budget.remaining(), 100);
    }

    #[test]
    fn a_value_whose_stream_could_not_write_all_is_not_stored() {
        let mut budget = Budget::new(1000);
        let value = value(&mut budget, 10);
        let (mut stream, mut other) = (value.stream(), value.stream());
        stream.write(Bytes::from_static(b"green")).unwrap();
        other.write(Bytes::from_static(b" ")).unwrap();
        assert_eq!(value.bytes().unwrap(), "green ");
        let written = stream.write(Bytes::from_static(b"tea..."));
        assert!(matches!(written, Err(StreamError::Closed)));
        for mut stream in [stream, other] {
            assert!(matches!(stream.check_write(), Err(StreamError::Closed)));
            assert!(matches!(stream.flush(), Err(StreamError::Closed)));
            let written = stream.write(Bytes::new());
            assert!(matches!(written, Err(StreamError::Closed)));
        }
        assert!(value.bytes().unwrap_err().0.contains("12 bytes"));
    }
}
