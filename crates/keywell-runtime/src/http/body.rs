use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::WasiBody;

use super::exchange::Exchange;
use super::idle::Reusable;
use super::piece::Piece;
use crate::call::{Call, log_failure};

/// A response's body, and the exchange that it is the last of.
pub(crate) struct ResponseBody {
    content: Content,
    exchange: Exchange,
}

/// What a body consists of.
pub(super) enum Content {
    /// All of it, in one piece.
    Whole(Option<Bytes>),
    /// All of it, in several pieces or with trailers.
    Pieces(VecDeque<Frame<Bytes>>),
    /// As the guest writes it. Reading it runs the guest.
    Streaming(Box<Streaming>),
}

/// A body that a guest is still writing.
pub(super) struct Streaming {
    component: Arc<str>,
    body: WasiBody,
    /// Read ahead, where all that was declared is written.
    trailers: Option<Frame<Bytes>>,
    declared: Option<u64>,
    written: u64,
    /// Until the guest has returned.
    call: Option<Call<Option<Reusable>>>,
    /// Its instance, from then on until the body ends.
    reusable: Option<Reusable>,
}

/// What is wrong with a body. The log has it; a client sees that the body breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("left the body of its response unfinished")]
    Unfinished,
    #[error("declared a body of {declared} bytes, and wrote {written}")]
    Short { declared: u64, written: u64 },
    #[error("declared a body of {declared} bytes, and wrote more")]
    Long { declared: u64 },
}

/// Why a body ends before its end, which resets the stream. The log says more.
#[derive(Debug, thiserror::Error)]
#[error("the component failed while it wrote the body")]
pub(crate) struct Broken;

// === impl Content ===

impl Content {
    /// All of a body whose guest has returned.
    ///
    /// A guest that has returned has written all there is, so that it is sent with its length, which
    /// spares it the chunked encoding; and where it is not what was declared, nothing is sent yet.
    /// The instance is kept for another request unless it has left the body unfinished.
    pub(super) fn whole(
        mut body: WasiBody,
        declared: Option<u64>,
        reusable: Option<Reusable>,
        cx: &mut Context<'_>,
    ) -> Result<Self, Flaw> {
        let (mut reusable, mut written) = (reusable, 0);
        let (mut first, mut pieces) = (None, VecDeque::new());
        loop {
            match Pin::new(&mut body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    written += length(&frame);
                    check_piece(declared, written)?;
                    match frame.into_data() {
                        Ok(data) if first.is_none() && pieces.is_empty() => first = Some(data),
                        Ok(data) => pieces.push_back(Frame::data(data)),
                        Err(trailers) => pieces.push_back(trailers),
                    }
                }
                Poll::Ready(Some(Err(_))) => return Err(broken_off(declared, written)),
                // Only an instance that is kept can go on with it, which is not its next request's.
                Poll::Pending if reusable.is_some() => reusable = None,
                Poll::Pending => return Err(Flaw::Unfinished),
                Poll::Ready(None) => break,
            }
        }
        check_end(declared, written)?;
        if let Some(reusable) = reusable {
            reusable.keep();
        }
        if pieces.is_empty() {
            return Ok(Self::Whole(first));
        }
        if let Some(first) = first {
            pieces.push_front(Frame::data(first));
        }
        Ok(Self::Pieces(pieces))
    }

    /// A body whose guest has not returned yet.
    pub(super) fn streaming(
        body: WasiBody,
        declared: Option<u64>,
        call: Call<Option<Reusable>>,
    ) -> Self {
        Self::Streaming(Box::new(Streaming {
            component: call.component().clone(),
            body,
            trailers: None,
            declared,
            written: 0,
            call: Some(call),
            reusable: None,
        }))
    }

    /// How long it is, where that is known.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            // What ends in trailers has no length beforehand.
            Self::Pieces(pieces) => pieces
                .iter()
                .map(|piece| piece.data_ref().map(|data| data.len() as u64))
                .sum(),
            Self::Streaming(streaming) => streaming
                .declared
                .map(|declared| declared.saturating_sub(streaming.written)),
        }
    }
}

/// A guest has ended behind its response.
pub(super) fn finished(component: &str, ended: wasmtime::Result<Option<Reusable>>) {
    match ended {
        Ok(reusable) => Reusable::keep_any(reusable),
        Err(error) => log_failure(component, " after its response", &error),
    }
}

fn length(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}

/// What is wrong with a body that breaks off when so much is written.
fn broken_off(declared: Option<u64>, written: u64) -> Flaw {
    check_end(declared, written)
        .err()
        .unwrap_or(Flaw::Unfinished)
}

/// Whether so much may be written.
fn check_piece(declared: Option<u64>, written: u64) -> Result<(), Flaw> {
    match declared {
        Some(declared) if written > declared => Err(Flaw::Long { declared }),
        _ => Ok(()),
    }
}

/// Whether so much is all of it.
fn check_end(declared: Option<u64>, written: u64) -> Result<(), Flaw> {
    match declared {
        Some(declared) if written < declared => Err(Flaw::Short { declared, written }),
        _ => Ok(()),
    }
}

// === impl ResponseBody ===

impl ResponseBody {
    pub(super) fn new(content: Content, exchange: Exchange) -> Self {
        if let Content::Streaming(streaming) = &content
            && let Some(call) = &streaming.call
        {
            exchange.runs(call);
        }
        Self { content, exchange }
    }
}

impl Body for ResponseBody {
    type Data = Piece;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Broken>>> {
        let Self { content, exchange } = self.get_mut();
        exchange.goes_on();
        let frame = match content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Pieces(pieces) => Poll::Ready(pieces.pop_front().map(Ok)),
            Content::Streaming(streaming) => streaming.poll_frame(exchange, cx),
        };
        if let Poll::Ready(Some(Err(Broken))) = frame {
            exchange.breaks();
        }
        frame.map_ok(|frame| frame.map_data(|bytes| exchange.send(bytes)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_none(),
            Content::Pieces(pieces) => pieces.is_empty(),
            // Not before it is seen to end where it should.
            Content::Streaming(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.content.length();
        length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Content::Streaming(streaming) = &mut self.content
            && let Some(call) = streaming.call.take()
            && !self.exchange.is_ended()
        {
            let component = streaming.component.clone();
            call.finish_in_background(move |ended| finished(&component, ended));
        }
    }
}

// === impl Streaming ===

impl Streaming {
    fn poll_frame(
        &mut self,
        exchange: &Exchange,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(call) = &mut self.call
            && let Poll::Ready(ended) = Pin::new(&mut *call).poll(cx)
        {
            self.call = None;
            exchange.returned();
            match ended {
                Ok(reusable) => self.reusable = reusable,
                Err(error) => {
                    log_failure(&self.component, " while it wrote its response", &error);
                    return Poll::Ready(Some(Err(Broken)));
                }
            }
        }
        let mut piece = self.poll_piece(cx);
        // As for a whole body.
        if piece.is_pending() && self.reusable.take().is_some() {
            piece = self.poll_piece(cx);
        }
        piece.map_err(|flaw| {
            let component = &*self.component;
            tracing::warn!(component, "{flaw}");
            // What becomes of the guest adds nothing to that.
            if let Some(call) = self.call.take()
                && !exchange.is_ended()
            {
                call.finish_in_background(drop);
            }
            Broken
        })
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Flaw>>> {
        if let Some(trailers) = self.trailers.take() {
            return Poll::Ready(Some(Ok(trailers)));
        }
        let mut body = Pin::new(&mut self.body);
        let Some(frame) = ready!(body.as_mut().poll_frame(cx)) else {
            check_end(self.declared, self.written)?;
            Reusable::keep_any(self.reusable.take());
            return Poll::Ready(None);
        };
        let frame = frame.map_err(|_| broken_off(self.declared, self.written))?;
        self.written += length(&frame);
        check_piece(self.declared, self.written)?;
        // The last piece that was declared ends the response, so what is behind it shows now.
        if frame.is_data()
            && let Some(declared) = self.declared
            && self.written == declared
            && let Poll::Ready(Some(Ok(next))) = body.poll_frame(cx)
        {
            check_piece(self.declared, self.written + length(&next))?;
            self.trailers = Some(next);
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http::HeaderMap;
    use http_body_util::{BodyExt as _, StreamBody};
    use wasmtime_wasi_http::Error;

    use super::*;

    /// A body of these frames, which ends, or breaks off.
    fn body(texts: &'static [&'static str], ends: bool) -> WasiBody {
        let data = |text: &&'static str| Ok(Frame::data(Bytes::from_static(text.as_bytes())));
        let frames = texts.iter().map(data);
        let breaks = (!ends).then_some(Err(Error::HttpProtocolError));
        let frames = frames.chain(breaks).collect::<Vec<_>>();
        StreamBody::new(futures::stream::iter(frames)).boxed_unsync()
    }

    fn whole(body: WasiBody, declared: Option<u64>) -> Result<Content, Flaw> {
        Content::whole(
            body,
            declared,
            None,
            &mut Context::from_waker(Waker::noop()),
        )
    }

    #[test]
    fn the_body_of_a_guest_that_has_returned_has_its_length() {
        for (texts, length) in [(&[][..], 0), (&["abc"], 3), (&["abc", "de", ""], 5)] {
            for declared in [None, Some(length)] {
                let content = whole(body(texts, true), declared).ok().unwrap();
                assert_eq!(content.length(), Some(length), "{texts:?}");
            }
        }
        let trailers = body(&["abc"], true).with_trailers(async { Some(Ok(HeaderMap::new())) });
        let content = whole(trailers.boxed_unsync(), None).ok().unwrap();
        assert_eq!(content.length(), None);
    }

    #[test]
    fn one_that_is_not_as_declared_or_breaks_off_is_found_before_anything_is_sent() {
        let flaw = |texts, ends, declared| whole(body(texts, ends), declared).err();
        let short = Flaw::Short {
            declared: 6,
            written: 5,
        };
        assert_eq!(flaw(&["abc", "de"], true, Some(6)), Some(short));
        let long = Flaw::Long { declared: 4 };
        assert_eq!(flaw(&["abc", "de"], true, Some(4)), Some(long));
        assert_eq!(flaw(&["abc"], false, None), Some(Flaw::Unfinished));
        assert_eq!(flaw(&[], false, None), Some(Flaw::Unfinished));
        let short = Flaw::Short {
            declared: 4,
            written: 3,
        };
        assert_eq!(flaw(&["abc"], false, Some(4)), Some(short));
    }
}
