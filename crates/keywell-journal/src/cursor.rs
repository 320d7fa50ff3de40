//! Reading a journal, chunk by chunk.

use std::sync::Arc;

use bytes::BytesMut;

use crate::chunk::Chain;
use crate::error::{Error, Result};
use crate::frame;
use crate::head::Head;
use crate::name::WorkerName;
use crate::place::Place;
use crate::record::Event;

/// A place in a journal, from which it is read. It holds a chunk and a record, and no more.
///
/// Every chunk is checked before a record of it is used.
pub struct Cursor {
    place: Arc<Place>,
    name: WorkerName,
    identity: [u8; 16],
    /// The next chunk.
    chunk: u64,
    chain: Chain,
    /// How many records were taken.
    position: u64,
    stream: BytesMut,
}

// === impl Cursor ===

impl Cursor {
    /// Where replay begins.
    pub(crate) fn new(place: Arc<Place>, name: WorkerName, head: &Head) -> Self {
        let base = head.base;
        Self {
            place,
            name,
            identity: head.identity,
            chunk: base.chunk,
            chain: base.chain,
            position: base.position,
            stream: BytesMut::new(),
        }
    }

    /// The next record before the end that a head has, and its position.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] with the chunk that is missing, changed, or out of the chain.
    pub async fn next(&mut self, head: &Head) -> Result<Option<(u64, Event)>> {
        loop {
            let last = self.chunk.saturating_sub(1);
            let read = frame::read(&mut self.stream).map_err(|why| self.corrupt(last, why))?;
            if let Some(event) = read {
                self.position += 1;
                return Ok(Some((self.position - 1, event)));
            }
            if self.chunk >= head.next {
                if !self.stream.is_empty() {
                    return Err(self.corrupt(last, "ends within a record"));
                }
                if self.chain != head.chain || self.position != head.position {
                    return Err(self.corrupt(last, "is not the one that the head names"));
                }
                return Ok(None);
            }
            let chunk = self
                .place
                .chunk(&self.name, self.identity, self.chunk)
                .await?;
            if chunk.previous != self.chain {
                return Err(self.corrupt(self.chunk, "does not follow the chunk before it"));
            }
            let begun = self.position + u64::from(!self.stream.is_empty());
            if chunk.position != begun {
                return Err(self.corrupt(self.chunk, "is at another position"));
            }
            self.stream.extend_from_slice(&chunk.piece);
            self.chain = chunk.chain;
            self.chunk += 1;
        }
    }

    fn corrupt(&self, chunk: u64, why: &'static str) -> Error {
        Error::Corrupt {
            worker: self.name.to_string(),
            place: format!("chunk {chunk}"),
            why,
        }
    }
}
