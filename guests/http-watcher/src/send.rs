//! Sends an alert, and waits for its answer.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::streams::StreamError;

use crate::alert::Alert;

/// The most one blocking write may carry.
const CHUNK: usize = 4096;

/// As much of an answer is read, so that its connection can be used again.
const ANSWER: u64 = 64 << 10;

/// Sends the request.
///
/// # Errors
///
/// When there is no answer, or one whose status is not 2xx.
pub fn send(alert: &Alert) -> Result<(), String> {
    let to = format!("{} to {}", alert.method, alert.authority);
    let (request, body) = request(alert)?;
    let failed = |error| format!("{to}: {error}");
    let response = outgoing_handler::handle(request, None).map_err(failed)?;
    if let (Some(body), Some(text)) = (body, &alert.body) {
        // When the server does not take it, its answer says why.
        drop(write(&body, text.as_bytes()));
        OutgoingBody::finish(body, None).map_err(failed)?;
    }
    response.subscribe().block();
    let response = match response.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(error))) => return Err(failed(error)),
        Some(Err(())) | None => return Err(format!("{to}: no answer")),
    };
    let status = response.status();
    finish(&response);
    if (200..300).contains(&status) {
        Ok(())
    } else {
        Err(format!("{to}: the answer is {status}"))
    }
}

fn request(alert: &Alert) -> Result<(OutgoingRequest, Option<OutgoingBody>), String> {
    let headers = Fields::new();
    let set = |name: &str, value: &str| {
        let set = headers.append(name, value.as_bytes());
        set.map_err(|error| format!("the header {name} cannot be {value:?}: {error}"))
    };
    if let Some(body) = &alert.body {
        set("content-type", &alert.content_type)?;
        set("content-length", &body.len().to_string())?;
    }
    if alert.is_base64 {
        set("x-keywell-value-encoding", "base64")?;
    }
    let request = OutgoingRequest::new(headers);
    let scheme = if alert.is_https {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let refused = |what: &str, value: &str| format!("{value:?} is no {what} of a request");
    request
        .set_method(&method(&alert.method))
        .map_err(|()| refused("method", &alert.method))?;
    request
        .set_scheme(Some(&scheme))
        .map_err(|()| refused("scheme", "http"))?;
    request
        .set_authority(Some(&alert.authority))
        .map_err(|()| refused("host", &alert.authority))?;
    request
        .set_path_with_query(Some(&alert.path_with_query))
        .map_err(|()| refused("path", &alert.path_with_query))?;
    // One that is taken and stays empty is sent as an empty body, and not as none.
    let body = alert.body.as_ref().and_then(|_| request.body().ok());
    Ok((request, body))
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        "HEAD" => Method::Head,
        other => Method::Other(other.to_owned()),
    }
}

fn write(body: &OutgoingBody, bytes: &[u8]) -> Result<(), StreamError> {
    let stream = body.write().map_err(|()| StreamError::Closed)?;
    for chunk in bytes.chunks(CHUNK) {
        stream.blocking_write_and_flush(chunk)?;
    }
    Ok(())
}

/// Reads the answer, which says nothing beyond its status, to its end.
fn finish(response: &IncomingResponse) {
    let Ok(body) = response.consume() else { return };
    let Ok(stream) = body.stream() else { return };
    let mut read = 0;
    while read < ANSWER {
        match stream.blocking_read(ANSWER) {
            Ok(bytes) => read += bytes.len() as u64,
            Err(_) => return,
        }
    }
}
