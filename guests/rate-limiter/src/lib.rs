//! Answers five requests a minute from each client, and says 429 to the others. The path names the client: `/ada`.
//!
//! The first request of a window creates a counter with a time to live, which later ones leave as it is. So a window
//! needs no clock here and nothing that cleans up, and any number of instances on any number of hosts count together.

#![no_std]

extern crate alloc;

#[path = "../../counter/src/respond.rs"]
mod respond;

use alloc::format;
use bare as _;
use keywell::keyvalue::{atomics, store};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

wit_bindgen::generate!({
    inline: "
        package keywell:rate-limiter;

        world rate-limiter {
          import keywell:keyvalue/store@0.1.0;
          import keywell:keyvalue/atomics@0.1.0;
        }
    ",
    path: "../../wit/keywell-keyvalue-0.1.0",
    generate_all,
});

/// How many requests a client may make in a window.
const LIMIT: i64 = 5;
/// How long a window is, in milliseconds.
const WINDOW: u64 = 60_000;

struct RateLimiter;

wasip2::http::proxy::export!(RateLimiter);

impl Guest for RateLimiter {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let client = target.split('?').next().unwrap_or_default();
        match count(client) {
            Ok(n) if n <= LIMIT => respond::text(out, 200, &format!("{client}: {n} of {LIMIT}\n")),
            Ok(_) => respond::text(out, 429, &format!("{client}: at most {LIMIT} a minute\n")),
            // To let requests pass is the lesser evil while the store is away.
            Err(store::Error::Unavailable) => respond::text(out, 200, "not counted\n"),
            Err(error) => respond::text(out, 500, &format!("{error:?}\n")),
        }
    }
}

fn count(client: &str) -> Result<i64, store::Error> {
    let bucket = store::open("default")?;
    atomics::increment(&bucket, client, 1, Some(WINDOW))
}
