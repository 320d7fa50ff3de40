//! Answers, well behaved and not.

use wasip2::clocks::monotonic_clock;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam, Scheme,
};
use wasip2::io::streams::{OutputStream, StreamError};

use crate::instance;
use crate::query::Query;

const MILLISECOND: u64 = 1_000_000;
/// The most one blocking write may carry.
const CHUNK: usize = 4096;

/// An answer whose headers are on their way.
pub struct Body {
    body: OutgoingBody,
    stream: OutputStream,
}

// === impl Body ===

impl Body {
    pub fn start(out: ResponseOutparam, status: u16) -> Self {
        Self::start_with(out, status, Fields::new())
    }

    /// As `start`, with a body of a length that is said beforehand.
    fn declare(out: ResponseOutparam, length: u64) -> Self {
        let headers = Fields::new();
        headers
            .append("content-length", length.to_string().as_bytes())
            .expect("the header is well formed");
        Self::start_with(out, 200, headers)
    }

    fn start_with(out: ResponseOutparam, status: u16, headers: Fields) -> Self {
        headers
            .append("content-type", b"text/plain; charset=utf-8")
            .expect("the header is well formed");
        let response = OutgoingResponse::new(headers);
        response
            .set_status_code(status)
            .expect("the status is valid");
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        Self { body, stream }
    }

    pub fn answer(self, text: &str) {
        // A client that went away needs no answer.
        _ = self.write(text.as_bytes());
        self.finish();
    }

    fn write(&self, bytes: &[u8]) -> Result<(), StreamError> {
        bytes
            .chunks(CHUNK)
            .try_for_each(|chunk| self.stream.blocking_write_and_flush(chunk))
    }

    /// Writes so many bytes.
    fn dots(&self, mut left: u64) -> Result<(), StreamError> {
        let chunk = [b'.'; CHUNK];
        while left > 0 {
            let length = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            self.write(&chunk[..length])?;
            left -= length as u64;
        }
        Ok(())
    }

    fn finish(self) {
        drop(self.stream);
        _ = OutgoingBody::finish(self.body, None);
    }
}

pub fn stream(out: ResponseOutparam, bytes: u64) {
    let body = Body::start(out, 200);
    if body.dots(bytes).is_ok() {
        body.finish();
    }
}

pub fn flood(out: ResponseOutparam, mut left: u64) {
    let body = Body::start(out, 200);
    let ready = body.stream.subscribe();
    while left > 0 {
        ready.block();
        let Ok(room) = body.stream.check_write() else {
            return;
        };
        let piece = vec![b'.'; usize::try_from(room.min(left)).expect("memory has 32 bits")];
        if body.stream.write(&piece).is_err() {
            return;
        }
        left -= piece.len() as u64;
    }
    drop(ready);
    body.finish();
}

pub fn declared(out: ResponseOutparam, query: &Query) {
    let body = Body::declare(out, query.number("length"));
    // It goes on whatever becomes of them, as one that looks at no error.
    _ = body.dots(query.number("n"));
    wait_if_asked(query);
    body.finish();
}

pub fn length(out: ResponseOutparam, value: &str) {
    let headers = Fields::new();
    headers
        .append("content-length", value.as_bytes())
        .expect("the header is well formed");
    ResponseOutparam::set(out, Ok(OutgoingResponse::new(headers)));
}

pub fn unfinished(out: ResponseOutparam, query: &Query) {
    let body = Body::start(out, 200);
    _ = body.dots(query.number("n"));
    wait_if_asked(query);
    drop(body.stream);
    drop(body.body);
}

pub fn leak(out: ResponseOutparam, bytes: u64) {
    let body = Body::start(out, 200);
    _ = body.dots(bytes);
    core::mem::forget(body);
}

pub fn target(request: &IncomingRequest) -> String {
    let scheme = match request.scheme() {
        Some(Scheme::Http) => "http",
        Some(Scheme::Https) => "https",
        Some(Scheme::Other(_)) => "other",
        None => "none",
    };
    let authority = request.authority().unwrap_or_default();
    let path = request.path_with_query().unwrap_or_default();
    format!("{scheme} {authority} {path}")
}

pub fn sink(request: &IncomingRequest) -> u64 {
    let incoming = request.consume().expect("the body is taken once");
    let input = incoming.stream().expect("the stream is taken once");
    let mut length = 0;
    while let Ok(bytes) = input.blocking_read(CHUNK as u64) {
        length += bytes.len() as u64;
    }
    length
}

fn wait_if_asked(query: &Query) {
    if query.given("wait").is_some() {
        monotonic_clock::subscribe_duration(200 * MILLISECOND).block();
    }
}

pub fn echo(out: ResponseOutparam, request: &IncomingRequest) {
    let incoming = request.consume().expect("the body is taken once");
    let input = incoming.stream().expect("the stream is taken once");
    let body = Body::start(out, 200);
    while let Ok(bytes) = input.blocking_read(CHUNK as u64) {
        if body.write(&bytes).is_err() {
            return;
        }
    }
    body.finish();
}

pub fn slow(out: ResponseOutparam) {
    let body = Body::start(out, 200);
    _ = body.write(b"first");
    monotonic_clock::subscribe_duration(200 * MILLISECOND).block();
    _ = body.write(b"second");
    body.finish();
}

pub fn hang(out: ResponseOutparam) {
    let body = Body::start(out, 200);
    _ = body.write(b"first");
    instance::compute_for_ever();
}
