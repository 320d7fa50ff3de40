//! Requests and responses as they are recorded: each as a whole.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use keywell_wasi::Charge;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::task::unconstrained;
use wasmtime_wasi_http::{Error, WasiBody};

use super::fault::Fault;

/// The most bytes that the body of a request or of a response has.
pub(crate) const MAX_BODY: usize = 16 << 20;

/// The most characters of a request that people see.
const SHOWN: usize = 100;
/// The length of a recorded body, before it.
const LENGTH: usize = 8;

/// A body that is there.
#[derive(Default)]
pub(super) struct Whole {
    chunks: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// What its bytes are charged to, where they are not by themselves.
    _charge: Option<Charge>,
}

/// The body of a request that the component may still write.
pub(super) struct Written {
    body: WasiBody,
    whole: Whole,
    bytes: usize,
}

type Fields = Vec<(String, Vec<u8>)>;

/// What a response has besides its body.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Fields,
    trailers: Option<Fields>,
}

// === impl Whole ===

impl Body for Whole {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = match self.chunks.pop_front() {
            Some(chunk) => Some(Frame::data(chunk)),
            None => self.trailers.take().map(Frame::trailers),
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.trailers.is_some() {
            // With a length there would be none.
            return SizeHint::default();
        }
        let bytes = self.chunks.iter().map(|chunk| chunk.len() as u64);
        SizeHint::with_exact(bytes.sum())
    }
}

// === impl Written ===

impl Written {
    pub(super) fn new(body: WasiBody) -> Self {
        Self {
            body,
            whole: Whole::default(),
            bytes: 0,
        }
    }

    /// Takes what was written since the last time; none while there may be more.
    ///
    /// # Errors
    ///
    /// For a body that is too large or is given up.
    pub(super) fn end(&mut self) -> Option<Result<Whole, Error>> {
        loop {
            // What is ready must not depend on how long the task has run.
            let frame = unconstrained(self.body.frame()).now_or_never()?;
            let Some(frame) = frame else {
                return Some(Ok(std::mem::take(&mut self.whole)));
            };
            match frame.map(Frame::into_data) {
                Ok(Ok(data)) => {
                    self.bytes += data.len();
                    if self.bytes > MAX_BODY {
                        let bytes = Some(self.bytes as u64);
                        return Some(Err(Error::HttpRequestBodySize(bytes)));
                    }
                    self.whole.chunks.push_back(data);
                }
                Ok(Err(frame)) => self.whole.trailers = frame.into_trailers().ok(),
                Err(Error::HttpRequestBodySize(bytes)) => {
                    return Some(Err(Error::HttpRequestBodySize(bytes)));
                }
                Err(_) => return Some(Err(Error::ConnectionTerminated)),
            }
        }
    }
}

/// What a request asks for: in a line for people, without its query, and as a digest of all of it.
pub(super) fn asked(request: &Request<Whole>) -> (String, [u8; 32]) {
    let (method, uri, body) = (request.method(), request.uri(), request.body());
    let bytes = body.chunks.iter().map(|chunk| chunk.len() as u64);
    let bytes: u64 = bytes.sum();
    let scheme = uri.scheme_str().unwrap_or_default();
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let line = format!("{method} {scheme}://{host}{}", uri.path());
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    if bytes > 0 {
        shown = format!("{shown} ({bytes} bytes)");
    }
    let mut digest = Sha256::new();
    let mut part = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    part(method.as_str().as_bytes());
    part(uri.to_string().as_bytes());
    for fields in [Some(request.headers()), body.trailers.as_ref()] {
        let fields = fields.into_iter().flatten();
        for (name, value) in fields {
            part(name.as_str().as_bytes());
            part(value.as_bytes());
        }
        // No field has an empty name.
        part(b"");
    }
    digest.update(bytes.to_le_bytes());
    body.chunks.iter().for_each(|chunk| digest.update(chunk));
    (shown, digest.finalize().into())
}

/// Receives a response to its end, and encodes it, or the error that came instead.
///
/// The body comes first, behind its length, so that it needs no place of its own.
pub(super) async fn received(
    response: impl Future<Output = Result<Response<WasiBody>, Error>>,
    charge: &mut Charge,
) -> Bytes {
    let mut recorded = BytesMut::zeroed(LENGTH);
    let head = receive(response, &mut recorded, charge).await;
    if head.is_err() {
        recorded.truncate(LENGTH);
    }
    encode(recorded, head)
}

/// Encodes an error that came instead of a response.
pub(super) fn failed(error: Error) -> Bytes {
    encode(BytesMut::zeroed(LENGTH), Err(error))
}

fn encode(mut recorded: BytesMut, head: Result<Head, Error>) -> Bytes {
    let length = (recorded.len() - LENGTH) as u64;
    recorded[..LENGTH].copy_from_slice(&length.to_le_bytes());
    let head = head.map_err(Fault::from);
    let head = postcard::to_stdvec(&head).expect("it has lengths");
    recorded.extend_from_slice(&head);
    recorded.freeze()
}

async fn receive(
    response: impl Future<Output = Result<Response<WasiBody>, Error>>,
    recorded: &mut BytesMut,
    charge: &mut Charge,
) -> Result<Head, Error> {
    let (head, mut body) = response.await?.into_parts();
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => {
                let bytes = recorded.len() - LENGTH + data.len();
                let too_large = || Error::HttpResponseBodySize(Some(bytes as u64));
                if bytes > MAX_BODY {
                    return Err(too_large());
                }
                charge.add(data.len()).map_err(|_| too_large())?;
                recorded.extend_from_slice(&data);
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok(Head {
        status: head.status.as_u16(),
        headers: fields(&head.headers),
        trailers: trailers.as_ref().map(fields),
    })
}

fn fields(map: &HeaderMap) -> Fields {
    let fields = map.iter();
    let fields = fields.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    fields.collect()
}

/// Reads a recorded response, whose bytes are charged.
///
/// # Errors
///
/// The recorded error; an internal one for bytes of something else.
pub(super) fn response(recorded: &Bytes, charge: Charge) -> Result<Response<Whole>, Error> {
    let foreign = "the recorded answer is not that of a request";
    let foreign = || Error::InternalError(Some(foreign.to_owned()));
    let (length, rest) = recorded.split_first_chunk().ok_or_else(foreign)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| foreign())?;
    let head = rest.get(length..).ok_or_else(foreign)?;
    let head: Result<Head, Fault> = postcard::from_bytes(head).map_err(|_| foreign())?;
    let head = head?;
    let trailers = head.trailers.map(map).transpose();
    let mut whole = Whole {
        chunks: VecDeque::new(),
        trailers: trailers.map_err(|_| foreign())?,
        _charge: Some(charge),
    };
    if length > 0 {
        whole
            .chunks
            .push_back(recorded.slice(LENGTH..LENGTH + length));
    }
    let mut response = Response::new(whole);
    *response.status_mut() = head.status.try_into().map_err(|_| foreign())?;
    *response.headers_mut() = map(head.headers).map_err(|_| foreign())?;
    Ok(response)
}

fn map(fields: Fields) -> Result<HeaderMap, http::Error> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::try_from(name)?;
        map.try_append(name, HeaderValue::try_from(value)?)?;
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use keywell_wasi::Budget;

    use super::*;

    fn body(text: &'static str) -> WasiBody {
        let body = Full::new(Bytes::from_static(text.as_bytes()));
        body.map_err(|never| match never {}).boxed_unsync()
    }

    async fn recorded(answer: Result<Response<WasiBody>, Error>, budget: &mut Budget) -> Bytes {
        received(async { answer }, &mut budget.hold_nothing()).await
    }

    /// What a released version wrote, this one reads.
    #[tokio::test]
    async fn responses_keep_their_bytes() {
        let mut budget = Budget::new(100);
        let answer = Response::builder().status(201).header("a", "b");
        let bytes = recorded(
            answer.body(body("xy")).map_err(|_| unreachable!()),
            &mut budget,
        );
        let bytes = bytes.await;
        assert_eq!(
            &bytes[..],
            b"\x02\0\0\0\0\0\0\0xy\0\xc9\x01\x01\x01a\x01b\0"
        );
        let read = response(&bytes, budget.hold_nothing()).unwrap();
        assert_eq!(
            (read.status().as_u16(), &read.headers()["a"]),
            (201, &"b".parse().unwrap())
        );
        let read = read.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&read[..], b"xy");
        let refused = failed(Error::ConnectionRefused);
        assert_eq!(&refused[..], b"\0\0\0\0\0\0\0\0\x01\x08");
        let read = response(&refused, budget.hold_nothing())
            .map(drop)
            .unwrap_err();
        assert!(matches!(read, Error::ConnectionRefused), "{read}");
    }

    #[tokio::test]
    async fn changed_bytes_are_read_or_refused() {
        let mut budget = Budget::new(100);
        let bytes = recorded(Ok(Response::new(body("xy"))), &mut budget).await;
        for at in 0..bytes.len() {
            let mut changed = BytesMut::from(&bytes[..]);
            changed[at] ^= 0xff;
            drop(response(&changed.freeze(), budget.hold_nothing()));
            drop(response(&bytes.slice(..at), budget.hold_nothing()));
        }
    }

    #[tokio::test]
    async fn a_response_past_what_the_instance_may_hold_is_an_error() {
        let mut budget = Budget::new(1);
        let bytes = recorded(Ok(Response::new(body("xy"))), &mut budget).await;
        let read = response(&bytes, budget.hold_nothing())
            .map(drop)
            .unwrap_err();
        assert!(
            matches!(read, Error::HttpResponseBodySize(Some(2))),
            "{read}"
        );
    }

    #[test]
    fn every_part_of_a_request_is_in_its_digest() {
        let asked_of = |method: &str, uri: &str, header: &str, text: &'static str| {
            let request = Request::builder()
                .method(method)
                .uri(uri)
                .header("h", header);
            let whole = Written::new(body(text)).end().unwrap();
            asked(&request.body(whole.map_err(|_| ()).unwrap()).unwrap())
        };
        let (shown, digest) = asked_of("POST", "http://h/p?secret", "1", "body");
        assert_eq!(shown, "POST http://h/p (4 bytes)");
        for (method, uri, header, text) in [
            ("PUT", "http://h/p?secret", "1", "body"),
            ("POST", "http://h/p?other", "1", "body"),
            ("POST", "http://h/p?secret", "2", "body"),
            ("POST", "http://h/p?secret", "1", "bodY"),
        ] {
            assert_ne!(asked_of(method, uri, header, text).1, digest);
        }
    }
}
