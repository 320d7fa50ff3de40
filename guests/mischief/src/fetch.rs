//! Requests to other servers.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{ErrorCode, Fields, IncomingResponse, OutgoingRequest, Scheme};

/// Fetches a URL: `STATUS BYTES` of the answer, or `error: CODE`.
pub fn fetch(url: &str) -> String {
    match try_fetch(url) {
        Ok(answer) => answer,
        Err(code) => format!("error: {code:?}"),
    }
}

fn try_fetch(url: &str) -> Result<String, ErrorCode> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let scheme = match scheme {
        "https" => Scheme::Https,
        _ => Scheme::Http,
    };
    let request = OutgoingRequest::new(Fields::new());
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    request.set_scheme(Some(&scheme)).map_err(invalid)?;
    request.set_authority(Some(authority)).map_err(invalid)?;
    request.set_path_with_query(Some(path)).map_err(invalid)?;
    let response = outgoing_handler::handle(request, None)?;
    response.subscribe().block();
    let response = response.get().expect("it is ready");
    let response = response.expect("it is taken once")?;
    Ok(format!("{} {}", response.status(), length(&response)))
}

/// How long the body is, as far as it comes.
fn length(response: &IncomingResponse) -> usize {
    let body = response.consume().expect("the body is taken once");
    let stream = body.stream().expect("the stream is taken once");
    let mut length = 0;
    while let Ok(bytes) = stream.blocking_read(4096) {
        length += bytes.len();
    }
    length
}
