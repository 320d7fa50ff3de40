use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::WasiBody;

use crate::call::Call;

/// A response's body.
pub(crate) enum ResponseBody {
    /// All of it.
    Whole(Option<Bytes>),
    /// As the guest writes it. Reading it runs the guest.
    Streaming(Streaming),
}

/// A body that a guest is still writing.
pub(crate) struct Streaming {
    /// Frames that were read ahead, to see whether they are all.
    ahead: VecDeque<Result<Frame<Bytes>, Broken>>,
    body: Pin<Box<WasiBody>>,
    call: Option<Call>,
}

/// Why a body ends before its end, which closes the connection. The log says more.
#[derive(Debug, thiserror::Error)]
#[error("the component failed while it wrote the body")]
pub(crate) struct Broken;

// === impl ResponseBody ===

impl ResponseBody {
    /// The body of a response; `call` is the guest if it has not returned.
    ///
    /// A guest that has returned has often written all there is. Then the body is sent whole, with
    /// its length, which spares it the chunked encoding.
    pub(crate) fn new(body: WasiBody, call: Option<Call>, cx: &mut Context<'_>) -> Self {
        let mut streaming = Streaming {
            ahead: VecDeque::new(),
            body: Box::pin(body),
            call,
        };
        if streaming.call.is_some() {
            return Self::Streaming(streaming);
        }
        loop {
            match streaming.poll_frame_of_body(cx) {
                Poll::Ready(Some(Ok(frame))) if frame.is_data() && streaming.ahead.is_empty() => {
                    streaming.ahead.push_back(Ok(frame));
                }
                Poll::Ready(Some(frame)) => {
                    streaming.ahead.push_back(frame);
                    return Self::Streaming(streaming);
                }
                Poll::Pending => return Self::Streaming(streaming),
                Poll::Ready(None) => {
                    let only = streaming.ahead.pop_front().and_then(Result::ok);
                    return Self::Whole(only.and_then(|frame| frame.into_data().ok()));
                }
            }
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streaming(streaming) => streaming.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Streaming(streaming) if streaming.ahead.is_empty() => streaming.body.size_hint(),
            Self::Streaming(_) => SizeHint::default(),
        }
    }
}

// === impl Streaming ===

impl Streaming {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(call) = &mut self.call
            && let Poll::Ready(ended) = Pin::new(&mut *call).poll(cx)
        {
            let component = call.component().clone();
            self.call = None;
            if let Err(error) = ended {
                Call::failed(&component, " while it wrote its response", &error);
                return Poll::Ready(Some(Err(Broken)));
            }
        }
        match self.ahead.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => self.poll_frame_of_body(cx),
        }
    }

    fn poll_frame_of_body(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.body.as_mut().poll_frame(cx).map_err(|error| {
            tracing::debug!("a component left its body unfinished: {error}");
            Broken
        })
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            call.finish_in_background();
        }
    }
}
