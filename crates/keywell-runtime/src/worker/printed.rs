//! What an instance of a worker prints: it is held until it is known whether the invocation is a new
//! one, and dropped where it was replayed.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Both streams of an instance.
pub(super) struct Printed {
    streams: Mutex<[Box<dyn OutputStream>; 2]>,
    held: Arc<Mutex<Held>>,
}

/// One of the streams.
#[derive(Clone)]
pub(super) struct HeldStream {
    held: Arc<Mutex<Held>>,
    index: usize,
}

#[derive(Default)]
struct Held {
    /// Each piece with the index of its stream.
    pieces: Vec<(usize, Bytes)>,
    bytes: usize,
}

// === impl Printed ===

impl Printed {
    pub(super) fn new(streams: [Box<dyn OutputStream>; 2]) -> Self {
        Self {
            streams: Mutex::new(streams),
            held: Arc::default(),
        }
    }

    /// Standard output and standard error, for the instance.
    pub(super) fn streams(&self) -> [HeldStream; 2] {
        [0, 1].map(|index| HeldStream {
            held: self.held.clone(),
            index,
        })
    }

    /// Prints what is held, or drops it.
    pub(super) fn end(&self, is_new: bool) {
        let held = std::mem::take(&mut *self.held.lock());
        if !is_new {
            return;
        }
        let mut streams = self.streams.lock();
        for (index, piece) in held.pieces {
            // By lines, which always have room.
            drop(streams[index].write(piece));
        }
    }
}

// === impl HeldStream ===

impl HeldStream {
    /// The most that is taken at once: always the same, so that a replay writes the same pieces.
    const PIECE: usize = 4096;
    /// The most that is held; what an invocation prints besides is dropped.
    const MOST: usize = 1 << 20;
}

impl OutputStream for HeldStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut held = self.held.lock();
        if held.bytes < Self::MOST {
            held.bytes += bytes.len();
            held.pieces.push((self.index, bytes));
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(Self::PIECE)
    }
}

#[async_trait]
impl Pollable for HeldStream {
    async fn ready(&mut self) {}
}

impl IsTerminal for HeldStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for HeldStream {
    /// Of WASI 0.3, which no worker has.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}
