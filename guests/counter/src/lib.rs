//! Counts the requests to each path: `Counter /tea: 1`, then `Counter /tea: 2`, and so on.
//!
//! It does without the standard library, so it imports nothing but HTTP and its bucket, and starts in one page of memory.

#![no_std]

extern crate alloc;

mod respond;

use alloc::format;
use alloc::string::String;
use bare as _;
use wasi::keyvalue::{atomics, store};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });

struct Counter;

wasip2::http::proxy::export!(Counter);

impl Guest for Counter {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        match count(path) {
            Ok(n) => respond::text(out, 200, &format!("Counter {path}: {n}\n")),
            Err(error) => respond::text(out, 500, &format!("{}\n", describe(error))),
        }
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
