//! Answers each request with how often its path was asked for: `Counter /tea: 1`, then
//! `Counter /tea: 2`, and so on.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

// Functions and types for what `wit/world.wit` imports.
wit_bindgen::generate!({ path: "wit", world: "counter", generate_all });

use wasi::keyvalue::{atomics, store};

struct Counter;

wasip2::http::proxy::export!(Counter);

impl Guest for Counter {
    fn handle(request: IncomingRequest, response: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        match count(path) {
            Ok(visits) => respond(response, 200, &format!("Counter {path}: {visits}\n")),
            Err(error) => respond(response, 500, &format!("cannot count: {error:?}\n")),
        }
    }
}

/// Counts a visit. No visit is lost, however many come at once.
fn count(path: &str) -> Result<i64, store::Error> {
    let visits = store::open("visits")?;
    atomics::increment(&visits, path, 1)
}

fn respond(out: ResponseOutparam, status: u16, text: &str) {
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
    // Fails where the client has gone away.
    let written = stream.blocking_write_and_flush(text.as_bytes());
    drop(stream);
    if written.is_ok() {
        drop(OutgoingBody::finish(body, None));
    }
}
