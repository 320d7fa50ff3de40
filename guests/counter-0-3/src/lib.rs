//! Counts the requests to each path, as `counter` does, for WASI 0.3.

use wasi::keyvalue::{atomics, store};
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_future, wit_stream};

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });

struct Counter;

wasip3::http::service::export!(Counter);

impl Guest for Counter {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        Ok(match count(path) {
            Ok(n) => answer(200, format!("Counter {path}: {n}\n")),
            Err(error) => answer(500, format!("{}\n", describe(error))),
        })
    }
}

fn count(path: &str) -> Result<i64, store::Error> {
    let bucket = store::open("default")?;
    atomics::increment(&bucket, path, 1)
}

fn describe(error: store::Error) -> String {
    match error {
        store::Error::NoSuchStore => "no-such-store".into(),
        store::Error::AccessDenied => "access-denied".into(),
        store::Error::Other(text) => text,
    }
}

/// A response whose body is written after it is returned.
fn answer(status: u16, text: String) -> Response {
    let headers = Fields::new();
    headers
        .append("content-type", b"text/plain; charset=utf-8")
        .expect("the header is well formed");
    let (mut body, written) = wit_stream::new();
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (response, _sent) = Response::new(headers, Some(written), no_trailers);
    response
        .set_status_code(status)
        .expect("the status is valid");
    wasip3::spawn_local(async move {
        // What is left was not read.
        let _ = body.write_all(text.into_bytes()).await;
    });
    response
}
