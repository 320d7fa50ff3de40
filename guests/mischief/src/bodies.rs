//! Answers, well behaved and not.

use wasip2::clocks::monotonic_clock;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{OutputStream, StreamError};

use crate::instance;

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
        let headers = Fields::new();
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

    fn finish(self) {
        drop(self.stream);
        _ = OutgoingBody::finish(self.body, None);
    }
}

pub fn stream(out: ResponseOutparam, bytes: u64) {
    let body = Body::start(out, 200);
    let chunk = [b'.'; CHUNK];
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        if body.write(&chunk[..length]).is_err() {
            return;
        }
        left -= length as u64;
    }
    body.finish();
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
