//! Sends an alert, and waits for its answer.

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::poll::poll;
use wasip2::io::streams::StreamError;

use crate::alert::Alert;

/// As much of an answer is read, so that its connection can be used again.
const ANSWER: u64 = 64 << 10;

/// How long is waited for the rest of an answer, in nanoseconds. It says nothing beyond its status,
/// so one that takes longer costs its connection and nothing else.
const REST: u64 = 50_000_000;

/// The longest path with a query that hosts on Wasmtime take, in bytes.
const MAX_PATH: usize = 65_534;

/// Sends the request.
///
/// # Errors
///
/// When there is no answer, or one whose status is not 2xx. The error has nothing in it of the URL
/// but the host, as the rest may be secret.
pub fn send(alert: &Alert) -> Result<(), String> {
    let to = format!("{} to {}", alert.method, alert.host());
    let (request, body) = request(alert)?;
    let failed = |error| format!("{to}: {error}");
    let response = outgoing_handler::handle(request, None).map_err(failed)?;
    if let (Some(body), Some(text)) = (body, &alert.body)
        && write(&body, text.as_bytes(), &response).is_ok()
    {
        // Where the server does not take it, its answer says why.
        drop(OutgoingBody::finish(body, None));
    }
    response.subscribe().block();
    let response = match response.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(error))) => return Err(failed(error)),
        Some(Err(())) | None => return Err(format!("{to}: no answer")),
    };
    let status = response.status();
    if !(200..300).contains(&status) {
        return Err(format!("{to}: the answer is {status}"));
    }
    finish(&response);
    Ok(())
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
        .map_err(|()| refused("host", alert.host()))?;
    request
        .set_path_with_query(Some(&alert.path_with_query))
        .map_err(|()| unfit(&alert.path_with_query))?;
    // One that is taken and stays empty is sent as an empty body, and not as none.
    let body = alert.body.as_ref().and_then(|_| request.body().ok());
    Ok((request, body))
}

fn unfit(path: &str) -> String {
    let bytes = path.len();
    if bytes > MAX_PATH {
        return format!(
            "the URL is {bytes} bytes long from its path on, and at most {MAX_PATH} may be; send \
             the value in ALERT_BODY"
        );
    }
    "what follows the host in ALERT_URL is no path of a request".to_owned()
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

/// Writes the body, unless an answer comes before it is through.
fn write(
    body: &OutgoingBody,
    mut bytes: &[u8],
    response: &FutureIncomingResponse,
) -> Result<(), StreamError> {
    let stream = body.write().map_err(|()| StreamError::Closed)?;
    let (is_writable, is_answered) = (stream.subscribe(), response.subscribe());
    loop {
        let room = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if room > 0 {
            if bytes.is_empty() {
                return Ok(());
            }
            let (chunk, rest) = bytes.split_at(room.min(bytes.len()));
            stream.write(chunk)?;
            bytes = rest;
            if bytes.is_empty() {
                stream.flush()?;
            }
        } else {
            poll(&[&is_writable, &is_answered]);
            if is_answered.ready() {
                return Err(StreamError::Closed);
            }
        }
    }
}

/// Reads an answer to its end, if that comes soon.
fn finish(response: &IncomingResponse) {
    let Ok(body) = response.consume() else { return };
    let Ok(stream) = body.stream() else { return };
    let (is_readable, is_late) = (stream.subscribe(), subscribe_duration(REST));
    let mut read = 0;
    while read < ANSWER {
        match stream.read(ANSWER) {
            Ok(bytes) if bytes.is_empty() => {
                poll(&[&is_readable, &is_late]);
                if is_late.ready() {
                    return;
                }
            }
            Ok(bytes) => read += bytes.len() as u64,
            Err(_) => return,
        }
    }
}
