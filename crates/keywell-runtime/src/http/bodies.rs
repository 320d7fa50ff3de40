use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use super::body::Content;
use super::refusal::Refusal;
use super::timer::Timer;

/// Whole bodies of requests and responses, which are bounded, each and all together.
///
/// The first bytes of each body are free: they are no more than its head may be, which no total
/// bounds either. So clients that send or read long bodies slowly keep others from long bodies alone.
pub(super) struct Bodies {
    most: usize,
    total: usize,
    held: AtomicUsize,
}

/// The longest piece of a response, in bytes.
const PIECE: usize = 64 << 10;

/// The body of a request, which counts as held until this is dropped.
pub(super) struct RequestBody {
    bytes: Bytes,
    _held: Held,
}

/// How much of a body counts, until this is dropped.
struct Held {
    bodies: Arc<Bodies>,
    bytes: usize,
}

// === impl Bodies ===

impl Bodies {
    /// How much of each body is free, in bytes.
    const FREE: usize = 16 << 10;
    /// How much may be held of all beyond that, at least.
    const TOTAL: usize = 64 << 20;

    /// At most `most` bytes of the body of each request.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            total: Self::TOTAL.max(most.saturating_mul(4)),
            held: AtomicUsize::new(0),
        })
    }

    /// Reads a body that has to be there by then.
    pub(super) async fn read(
        self: &Arc<Self>,
        body: impl Body<Data = Bytes>,
        deadline: Instant,
    ) -> Result<RequestBody, Refusal> {
        let (mut read, mut timer) = (pin!(self.read_all(body)), Timer::default());
        poll_fn(|cx| {
            if let Poll::Ready(read) = read.as_mut().poll(cx) {
                return Poll::Ready(read);
            }
            let late = timer.poll(Some(deadline), cx);
            late.map(|()| Err(Refusal::BodyLate))
        })
        .await
    }

    async fn read_all(
        self: &Arc<Self>,
        body: impl Body<Data = Bytes>,
    ) -> Result<RequestBody, Refusal> {
        if body.size_hint().lower() > self.most as u64 {
            return Err(Refusal::BodyTooLong);
        }
        let (mut body, mut whole) = (pin!(body), Whole::default());
        let mut held = Held {
            bodies: self.clone(),
            bytes: 0,
        };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::BodyBroken)?;
            // Trailers say nothing here.
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let length = whole.len() + data.len();
            if length > self.most {
                return Err(Refusal::BodyTooLong);
            }
            held.grow_to(length.saturating_sub(Self::FREE))?;
            whole.push(data);
        }
        Ok(RequestBody {
            bytes: whole.into_bytes(),
            _held: held,
        })
    }

    /// The body of a response, which counts as held until it is sent.
    pub(super) fn content(self: &Arc<Self>, text: Vec<u8>) -> Result<Content, Refusal> {
        let Some(more @ 1..) = text.len().checked_sub(Self::FREE) else {
            return Ok(Content::Whole(Some(text.into())));
        };
        let mut held = Held {
            bodies: self.clone(),
            bytes: 0,
        };
        held.grow_to(more)?;
        Ok(in_pieces(Bytes::from_owner(Text { text, _held: held })))
    }
}

/// The text of a response.
struct Text {
    text: Vec<u8>,
    _held: Held,
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

/// A body that is sent piece by piece, as what sends it copies each.
pub(super) fn in_pieces(mut bytes: Bytes) -> Content {
    let mut pieces = VecDeque::with_capacity(bytes.len().div_ceil(PIECE));
    while bytes.len() > PIECE {
        pieces.push_back(Frame::data(bytes.split_to(PIECE)));
    }
    if pieces.is_empty() {
        return Content::Whole(Some(bytes));
    }
    pieces.push_back(Frame::data(bytes));
    Content::Pieces(pieces)
}

/// A body as far as it has come; most come in one piece.
#[derive(Default)]
struct Whole {
    first: Bytes,
    all: BytesMut,
}

// === impl Whole ===

impl Whole {
    fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    fn push(&mut self, data: Bytes) {
        if self.len() == 0 {
            self.first = data;
            return;
        }
        let first = std::mem::take(&mut self.first);
        self.all.extend_from_slice(&first);
        self.all.extend_from_slice(&data);
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() {
            self.first
        } else {
            self.all.freeze()
        }
    }
}

// === impl RequestBody ===

impl RequestBody {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

// === impl Held ===

impl Held {
    fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes - self.bytes;
        let before = self.bodies.held.fetch_add(more, Ordering::Relaxed);
        // What is refused counts until it is dropped, which is next.
        self.bytes = bytes;
        if before + more > self.bodies.total {
            return Err(Refusal::Busy);
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.bodies.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use http_body_util::StreamBody;

    use super::*;

    /// A body of pieces of these lengths.
    fn body(lengths: &[usize]) -> impl Body<Data = Bytes> + use<> {
        let pieces = lengths.iter();
        let pieces = pieces.map(|length| Ok(Frame::data(Bytes::from(vec![b'1'; *length]))));
        StreamBody::new(futures::stream::iter(
            pieces.collect::<Vec<Result<_, Infallible>>>(),
        ))
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[tokio::test]
    async fn a_body_is_read_whole_up_to_its_bound() {
        let bodies = Bodies::new(10);
        for lengths in [&[][..], &[10], &[3, 0, 7], &[0, 10]] {
            let read = bodies.read(body(lengths), soon()).await.ok().unwrap();
            assert_eq!(read.bytes().len(), lengths.iter().sum::<usize>());
        }
        for lengths in [&[11][..], &[3, 8]] {
            let refused = bodies.read(body(lengths), soon()).await.err();
            assert_eq!(refused, Some(Refusal::BodyTooLong));
        }
        let long = http_body_util::Full::new(Bytes::from_static(b"12345678901"));
        let refused = bodies.read(long, soon()).await.err();
        assert_eq!(refused, Some(Refusal::BodyTooLong));
    }

    #[tokio::test]
    async fn what_is_held_of_all_is_bounded_but_for_the_first_of_each() {
        const FREE: usize = Bodies::FREE;
        let most = Bodies::TOTAL / 4 + FREE;
        let bodies = Bodies::new(most);
        let mut held = Vec::new();
        let refused = loop {
            match bodies.read(body(&[FREE, most - FREE]), soon()).await {
                Ok(read) => held.push(read),
                Err(refused) => break refused,
            }
        };
        assert_eq!((held.len(), refused), (4, Refusal::Busy));
        let short = bodies.read(body(&[FREE]), soon()).await;
        assert!(short.is_ok(), "a short one is read all the same");
        drop(held);
        assert_eq!(bodies.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_long_response_is_held_until_its_last_piece_is_sent() {
        let bodies = Bodies::new(10);
        let short = bodies.content(vec![b'1'; Bodies::FREE]).ok().unwrap();
        assert!(matches!(short, Content::Whole(Some(_))));
        let length = Bodies::FREE + PIECE;
        let long = bodies.content(vec![b'1'; length]).ok().unwrap();
        assert_eq!(long.length(), Some(length as u64));
        let Content::Pieces(mut pieces) = long else {
            panic!("it is sent in pieces");
        };
        assert_eq!(pieces.len(), 2);
        drop(pieces.pop_front());
        assert_eq!(bodies.held.load(Ordering::Relaxed), PIECE);
        drop(pieces);
        assert_eq!(bodies.held.load(Ordering::Relaxed), 0);
        let too_long = bodies.content(vec![b'1'; Bodies::FREE + Bodies::TOTAL + 1]);
        assert_eq!(too_long.err(), Some(Refusal::Busy));
        assert_eq!(bodies.held.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let never = StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let refused = Bodies::new(10).read(never, soon()).await.err();
        assert_eq!(refused, Some(Refusal::BodyLate));
    }
}
