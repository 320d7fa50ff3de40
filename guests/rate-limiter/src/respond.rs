use wasip2::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};

/// The most one blocking write may carry.
const CHUNK: usize = 4096;

/// Answers a request with a text.
pub fn text(out: ResponseOutparam, status: u16, text: &str) {
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
    for chunk in text.as_bytes().chunks(CHUNK) {
        if stream.blocking_write_and_flush(chunk).is_err() {
            // The client went away.
            break;
        }
    }
    drop(stream);
    _ = OutgoingBody::finish(body, None);
}
