use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::watch;
use wasmtime_wasi_http::{Error, WasiBody};

/// A body of which some is read already.
pub(super) struct Begun {
    read: VecDeque<Result<Frame<Bytes>, Error>>,
    /// What is not read; none at the end.
    rest: Option<WasiBody>,
}

/// Says when a body is over.
pub(super) struct Watched {
    body: WasiBody,
    /// Gone when the body is over, and before that set where it came to its end.
    over: Option<watch::Sender<bool>>,
}

/// To wait until a body is over.
#[derive(Clone)]
pub(super) struct Over(watch::Receiver<bool>);

// === impl Begun ===

impl Begun {
    pub(super) fn new(body: WasiBody) -> Self {
        Self {
            read: VecDeque::new(),
            rest: Some(body),
        }
    }

    /// Reads a piece ahead, if there is one. Ready with false where nothing follows.
    pub(super) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(false);
        };
        Pin::new(rest).poll_frame(cx).map(|frame| {
            let Some(frame) = frame else {
                self.rest = None;
                return false;
            };
            if frame.is_err() {
                self.rest = None;
            }
            self.read.push_back(frame);
            true
        })
    }

    /// How many bytes are read ahead.
    pub(super) fn ahead(&self) -> usize {
        let frames = self.read.iter().flatten();
        frames.filter_map(Frame::data_ref).map(Bytes::len).sum()
    }
}

impl Body for Begun {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(frame) = self.read.pop_front() {
            return Poll::Ready(Some(frame));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

// === impl Watched ===

impl Watched {
    pub(super) fn new(body: WasiBody, over: watch::Sender<bool>) -> Self {
        Self {
            body,
            over: Some(over),
        }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match &frame {
            Poll::Ready(None) => {
                if let Some(over) = self.over.take() {
                    over.send_replace(true);
                }
            }
            Poll::Ready(Some(Err(_))) => drop(self.over.take()),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        frame
    }
}

// === impl Over ===

impl Over {
    /// What says that a body is over, and what waits for it.
    pub(super) fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Waits until it is over; whether it came to its end.
    pub(super) async fn wait(mut self) -> bool {
        while self.0.changed().await.is_ok() {}
        *self.0.borrow()
    }
}
