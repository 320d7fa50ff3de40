//! Counts the requests to each path, with `wstd`.

use wasi::keyvalue::{atomics, store};
use wstd::http::{Body, Error, Request, Response, StatusCode};

wit_bindgen::generate!({ path: "../../../../wit/keyvalue-0.2.0-draft2", world: "imports" });

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path();
    let (status, text) = match count(path) {
        Ok(n) => (StatusCode::OK, format!("Counter {path}: {n}\n")),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    };
    Ok(Response::builder().status(status).body(text.into())?)
}

fn count(path: &str) -> Result<i64, store::Error> {
    let bucket = store::open("default")?;
    atomics::increment(&bucket, path, 1)
}
