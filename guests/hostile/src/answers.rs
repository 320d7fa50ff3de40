//! Answers, proper and improper.

use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam, Scheme,
};
use wasip2::io::streams::{OutputStream, StreamError};

/// The most one blocking write may carry.
const CHUNK: usize = 4096;

/// Starts an answer with a status and headers.
fn start(
    out: ResponseOutparam,
    status: u16,
    headers: &[(String, Vec<u8>)],
) -> Option<(OutgoingBody, OutputStream)> {
    let headers = Fields::from_list(headers).ok()?;
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).ok()?;
    let body = response.body().ok()?;
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().ok()?;
    Some((body, stream))
}

fn write(stream: &OutputStream, bytes: &[u8]) -> Result<(), StreamError> {
    bytes
        .chunks(CHUNK)
        .try_for_each(|chunk| stream.blocking_write_and_flush(chunk))
}

fn finish(body: OutgoingBody, stream: OutputStream) {
    drop(stream);
    _ = OutgoingBody::finish(body, None);
}

pub fn text(out: ResponseOutparam, text: &str) {
    if let Some((body, stream)) = start(out, 200, &[]) {
        _ = write(&stream, text.as_bytes());
        finish(body, stream);
    }
}

/// Scheme, authority and path, as this guest sees them.
pub fn describe(request: &IncomingRequest) -> String {
    let scheme = match request.scheme() {
        Some(Scheme::Http) => "http".into(),
        Some(Scheme::Https) => "https".into(),
        Some(Scheme::Other(other)) => other,
        None => "none".into(),
    };
    let authority = request.authority().unwrap_or_default();
    let path = request.path_with_query().unwrap_or_default();
    format!("{scheme} {authority} {path}")
}

/// Begins an answer and then does something else.
pub fn begin_then<T>(out: ResponseOutparam, act: impl FnOnce() -> T) {
    if let Some((body, stream)) = start(out, 200, &[]) {
        _ = write(&stream, b"begun");
        act();
        finish(body, stream);
    }
}

pub fn stream(out: ResponseOutparam, bytes: u64) {
    let Some((body, stream)) = start(out, 200, &[]) else {
        return;
    };
    let chunk = [b'.'; CHUNK];
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        if write(&stream, &chunk[..length]).is_err() {
            return;
        }
        left -= length as u64;
    }
    finish(body, stream);
}

pub fn status(out: ResponseOutparam, status: u64) {
    let status = u16::try_from(status).unwrap_or_default();
    if let Some((body, stream)) = start(out, status, &[]) {
        finish(body, stream);
    }
}

/// Declares a length and sends another.
pub fn length(out: ResponseOutparam, declared: u64, sent: u64) {
    let declared = declared.to_string().into_bytes();
    let headers = [("content-length".to_owned(), declared)];
    if let Some((body, stream)) = start(out, 200, &headers) {
        let sent = usize::try_from(sent).unwrap_or_default();
        _ = write(&stream, &vec![b'.'; sent]);
        finish(body, stream);
    }
}

/// Sends a part, and drops the body, which says that it is incomplete.
pub fn dropped(out: ResponseOutparam) {
    if let Some((body, stream)) = start(out, 200, &[]) {
        _ = write(&stream, b"part");
        drop(stream);
        drop(body);
    }
}
