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
use crate::invoke::json::ArgumentRoom;

/// Whole bodies of requests and responses, which are bounded, each and all together, and the values
/// that are read from them, which have a total of their own.
///
/// The first bytes of each body are free: they are no more than its head may be, which no total
/// bounds either. So clients that send or read long bodies slowly keep others from long bodies alone.
pub(super) struct Bodies {
    most: usize,
    texts: Total,
    values: Total,
}

/// How much is held of one kind, in bytes, and how much may be.
struct Total {
    most: usize,
    held: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Values,
}

/// The longest piece of a response, in bytes.
const PIECE: usize = 64 << 10;

/// The body of a request, which counts as held until this is dropped.
pub(super) struct RequestBody {
    bytes: Bytes,
    _held: HeldBytes,
}

/// How much of a body or of values counts, until this is dropped.
pub(super) struct HeldBytes {
    bodies: Arc<Bodies>,
    kind: Kind,
    bytes: usize,
}

// === impl Bodies ===

impl Bodies {
    /// How much of each body is free, in bytes.
    pub(super) const FREE: usize = 16 << 10;
    /// How much may be held of all beyond that, at least.
    const TOTAL: usize = 64 << 20;
    /// How much all values may take beyond that, at least.
    const VALUES: usize = 256 << 20;

    /// At most `most` bytes of the body of each request.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            texts: Total::new(Self::TOTAL.max(most.saturating_mul(4))),
            values: Total::new(Self::VALUES.max(Self::most_values(most))),
        })
    }

    fn most_values(most: usize) -> usize {
        most.saturating_mul(ArgumentRoom::PER_BYTE)
    }

    /// Room for the values that are read from one body.
    pub(super) fn room(&self) -> ArgumentRoom {
        ArgumentRoom::new(Self::most_values(self.most))
    }

    /// Holds the bytes that values take, for as long as there are these values.
    pub(super) fn values(self: &Arc<Self>, taken: usize) -> Result<HeldBytes, Refusal> {
        let mut held = self.hold(Kind::Values);
        held.grow_to(taken.saturating_sub(Self::FREE))?;
        Ok(held)
    }

    fn hold(self: &Arc<Self>, kind: Kind) -> HeldBytes {
        HeldBytes {
            bodies: self.clone(),
            kind,
            bytes: 0,
        }
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
        let mut held = self.hold(Kind::Text);
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
        let mut held = self.hold(Kind::Text);
        let grown = held.grow_to(more);
        grown.map_err(|_| Refusal::ResultTooLong)?;
        Ok(in_pieces(Bytes::from_owner(Text { text, _held: held })))
    }
}

/// The text of a response.
struct Text {
    text: Vec<u8>,
    _held: HeldBytes,
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

// === impl Total ===

impl Total {
    fn new(most: usize) -> Self {
        Self {
            most,
            held: AtomicUsize::new(0),
        }
    }
}

// === impl HeldBytes ===

impl HeldBytes {
    fn total(&self) -> &Total {
        match self.kind {
            Kind::Text => &self.bodies.texts,
            Kind::Values => &self.bodies.values,
        }
    }

    fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes - self.bytes;
        let total = self.total();
        let (before, most) = (total.held.fetch_add(more, Ordering::Relaxed), total.most);
        // What is refused counts until it is dropped, which is next.
        self.bytes = bytes;
        if before + more > most {
            return Err(Refusal::Busy);
        }
        Ok(())
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.total().held.fetch_sub(self.bytes, Ordering::Relaxed);
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
        assert_eq!(bodies.texts.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn values_are_bounded_all_together_and_apart_from_texts() {
        let bodies = Bodies::new(10);
        let half = Bodies::VALUES / 2 + Bodies::FREE;
        let held = [half, half].map(|taken| bodies.values(taken).ok().unwrap());
        let refused = bodies.values(Bodies::FREE + 1).err();
        assert_eq!(refused, Some(Refusal::Busy));
        assert!(bodies.values(Bodies::FREE).is_ok(), "few are free");
        assert!(bodies.content(vec![b'1'; Bodies::FREE + 1]).is_ok());
        drop(held);
        assert_eq!(bodies.values.held.load(Ordering::Relaxed), 0);
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
        assert_eq!(bodies.texts.held.load(Ordering::Relaxed), PIECE);
        drop(pieces);
        assert_eq!(bodies.texts.held.load(Ordering::Relaxed), 0);
        let too_long = bodies.content(vec![b'1'; Bodies::FREE + Bodies::TOTAL + 1]);
        assert_eq!(too_long.err(), Some(Refusal::ResultTooLong));
        assert_eq!(bodies.texts.held.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let never = StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let refused = Bodies::new(10).read(never, soon()).await.err();
        assert_eq!(refused, Some(Refusal::BodyLate));
    }
}
