//! `counter` on `wasi:keyvalue@0.2.0-draft`, for hosts that serve only that generation.

#![no_std]

extern crate alloc;

#[path = "../../counter/src/respond.rs"]
mod respond;

use alloc::format;
use alloc::string::String;
use bare as _;
use wasi::keyvalue::{atomics, store};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft", world: "imports" });

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

fn count(path: &str) -> Result<u64, store::Error> {
    // The default bucket has no other name in some hosts of this generation.
    let bucket = store::open("")?;
    atomics::increment(&bucket, path, 1)
}

fn describe(error: store::Error) -> String {
    match error {
        store::Error::NoSuchStore => "no-such-store".into(),
        store::Error::AccessDenied => "access-denied".into(),
        store::Error::Other(text) => text,
    }
}
