use std::convert::Infallible;

use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use parking_lot::Mutex;

use crate::{Error, Result};

/// Counts the writes in flight, until the store is closed.
pub(super) struct Gate(Mutex<Option<Open>>);

struct Open {
    writes: UnboundedSender<Infallible>,
    /// Ends with the last write.
    ended: UnboundedReceiver<Infallible>,
}

/// A write in flight, until this is dropped. The end of a store waits for it.
pub struct InFlight {
    _write: UnboundedSender<Infallible>,
}

// === impl Gate ===

impl Gate {
    pub(super) fn new() -> Self {
        let (writes, ended) = unbounded();
        Self(Mutex::new(Some(Open { writes, ended })))
    }

    pub(super) fn enter(&self) -> Result<InFlight> {
        match &*self.0.lock() {
            Some(open) => Ok(InFlight {
                _write: open.writes.clone(),
            }),
            None => Err(Error::Unavailable("the store is closed".into())),
        }
    }

    /// Lets no other write in, and waits for those in flight.
    pub(super) fn close(&self) -> impl Future<Output = ()> + Send + use<> {
        let open = self.0.lock().take();
        async move {
            if let Some(Open { writes, mut ended }) = open {
                drop(writes);
                let end = ended.next().await;
                debug_assert!(end.is_none());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn the_end_waits_for_the_writes_in_flight_and_lets_no_other_in() {
        let gate = Gate::new();
        let write = gate.enter().unwrap();
        let mut end = Box::pin(gate.close());
        assert!((&mut end).now_or_never().is_none());
        assert!(matches!(gate.enter(), Err(Error::Unavailable(_))));
        drop(write);
        assert!(end.now_or_never().is_some());
        assert!(gate.close().now_or_never().is_some());
    }
}
