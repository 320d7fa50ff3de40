//! Requests, and what became of them.

use std::time::Duration;

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::poll::poll;
use wasip2::io::streams::StreamError;

/// Sends a request to `http://AUTHORITY/PATH`, with a body of so many bytes if it has one.
pub fn send(
    method: &str,
    url: &str,
    key: Option<&str>,
    bytes: Option<u64>,
) -> Result<FutureIncomingResponse, String> {
    let (request, body) = request(method, url, key, bytes.is_some());
    let sent = outgoing_handler::handle(request, None).map_err(|error| error.to_string());
    if let (Some(body), Some(bytes)) = (body, bytes) {
        write(body, bytes)?;
    }
    sent
}

fn request(
    method: &str,
    url: &str,
    key: Option<&str>,
    has_body: bool,
) -> (OutgoingRequest, Option<OutgoingBody>) {
    let rest = url.strip_prefix("http://").expect("it is in clear");
    let (authority, path) = rest.split_once('/').expect("it has a path");
    let headers = Fields::new();
    if let Some(key) = key {
        let set = headers.append("idempotency-key", key.as_bytes());
        set.expect("it is a value");
    }
    let request = OutgoingRequest::new(headers);
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        other => Method::Other(other.to_owned()),
    };
    request.set_method(&method).expect("it is a method");
    let scheme = request.set_scheme(Some(&Scheme::Http));
    scheme.expect("it is a scheme");
    let authority = request.set_authority(Some(authority));
    authority.expect("it is a host");
    let path = request.set_path_with_query(Some(&format!("/{path}")));
    path.expect("it is a path");
    let body = has_body.then(|| request.body().expect("it is taken once"));
    (request, body)
}

fn write(body: OutgoingBody, mut left: u64) -> Result<(), String> {
    let stream = body.write().expect("it is taken once");
    let piece = [b'x'; 4096];
    while left > 0 {
        let bytes = left.min(piece.len() as u64);
        left -= bytes;
        let bytes = usize::try_from(bytes).expect("it is short");
        match stream.blocking_write_and_flush(&piece[..bytes]) {
            Ok(()) => {}
            Err(StreamError::Closed) => return Err("closed".to_owned()),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = wasip2::http::types::http_error_code(&error);
                return Err(code.map_or_else(|| error.to_debug_string(), |code| code.to_string()));
            }
        }
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|error| error.to_string())
}

/// Waits for a response: its status and text, or the error.
pub fn answer(future: &FutureIncomingResponse) -> String {
    future.subscribe().block();
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(error))) => return error.to_string(),
        Some(Err(())) | None => return "taken".to_owned(),
    };
    let body = response.consume().expect("it is taken once");
    let stream = body.stream().expect("it is taken once");
    let mut bytes = Vec::new();
    while let Ok(read) = stream.blocking_read(1 << 20) {
        bytes.extend(read);
    }
    let text = if bytes.len() > 100 {
        format!("{} bytes", bytes.len())
    } else {
        String::from_utf8_lossy(&bytes).into_owned()
    };
    format!("{} {text}", response.status())
}

/// The texts of two responses, the first to come first.
pub fn race(futures: &[FutureIncomingResponse; 2], then: Option<&str>) -> String {
    let pollables = futures.each_ref().map(FutureIncomingResponse::subscribe);
    let ready = poll(&[&pollables[0], &pollables[1]]);
    let first = usize::try_from(ready[0]).expect("there are two");
    drop(pollables);
    let (first, second) = (answer(&futures[first]), &futures[1 - first]);
    if let Some(url) = then {
        let sent = send("GET", url, None, None);
        answer(&sent.expect("it is handed over"));
    }
    format!("{first}, {}", answer(second))
}

/// As [`answer`], or `late` after a time.
pub fn answer_within(future: &FutureIncomingResponse, time: Duration) -> String {
    let time = subscribe_duration(u64::try_from(time.as_nanos()).expect("it is short"));
    let response = future.subscribe();
    let ready = poll(&[&time, &response]);
    drop((time, response));
    if ready.contains(&1) {
        answer(future)
    } else {
        "late".to_owned()
    }
}
