//! HTTP with bounds, for a request a connection.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// How long a client may take for the head of its request.
const HEAD: Duration = Duration::from_secs(5);

/// The most bytes of a head, and of what is read ahead.
const BUFFER: usize = 16 << 10;

/// Answers one request.
pub(crate) async fn serve<F: Future<Output = Response<Body>>>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: impl Fn(Request<Incoming>) -> F,
) {
    let service = service_fn(|request| {
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .keep_alive(false);
    // What goes wrong with a connection is its client's business.
    drop(http.serve_connection(TokioIo::new(stream), service).await);
}

/// A response with text for people.
pub(crate) fn text(status: StatusCode, text: &str) -> Response<Body> {
    respond(
        status,
        "text/plain; charset=utf-8",
        format!("{text}\n").into(),
    )
}

/// A response with JSON.
pub(crate) fn json(body: Bytes) -> Response<Body> {
    respond(StatusCode::OK, "application/json", body)
}

fn respond(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(body).boxed_unsync());
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
