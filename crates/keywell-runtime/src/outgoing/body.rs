use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::Error;

use super::fault;

/// A response's body, read as fast as the guest reads it and given up when nothing comes for too
/// long.
pub(super) struct ResponseBody {
    incoming: Incoming,
    patience: Duration,
    /// Made when a frame is first waited for.
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
    _permit: OwnedSemaphorePermit,
}

// === impl ResponseBody ===

impl ResponseBody {
    pub(super) fn new(
        incoming: Incoming,
        patience: Duration,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            incoming,
            patience,
            timer: None,
            is_waiting: false,
            _permit: permit,
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = Instant::now() + self.patience;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.is_waiting {
            timer.as_mut().reset(deadline);
            self.is_waiting = true;
        }
        timer.as_mut().poll(cx)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.is_waiting = false;
                Poll::Ready(frame.map(|frame| frame.map_err(|error| fault::code(&error))))
            }
            Poll::Pending => self
                .poll_timer(cx)
                .map(|()| Some(Err(Error::ConnectionReadTimeout))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
