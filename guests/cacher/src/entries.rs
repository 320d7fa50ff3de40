//! `get-or-set`, and what is done with a vacancy, by the request's body:
//!
//! | Body | What it does | What it answers |
//! |---|---|---|
//! | `fill` | fills the key with the value, and with `ttl=N` for so long | `filled` |
//! | `begin` | makes the value to fill it with, writes nothing, and drops it | `begun` |
//! | `drop` | drops the vacancy | `dropped` |
//! | `twice` | asks for a second value to fill it with | the error of writing that |
//! | `keep` | keeps the vacancy beyond the request | `kept` |
//! | `keep-value` | keeps the value to fill it with beyond the request | `kept` |
//! | `keep-future` | asks for the key again, and keeps the future beyond the request | `kept` |
//! | `poll` | asks for the key again, and polls the future for ever, which waits for this caller | |
//! | `drop-twice` | drops the vacancy, and its handle again, which traps | |
//! | `trap` | traps | |
//!
//! A request whose client went away holds the vacancy until its instance ends.

use wasip2::http::types::IncomingRequest;

use crate::lines::Lines;
use crate::query::Query;
use crate::requests::{describe, text, ttl};
use crate::wasi::keyvalue::cache::{self, GetOrSetEntry, Vacancy};
use crate::wasi::keyvalue::types::Error;

pub fn get_or_set(
    request: &IncomingRequest,
    lines: &Lines,
    query: &Query<'_>,
) -> Result<String, Error> {
    let future = cache::get_or_set(&query.text("key"));
    let first = future.future_get_or_set_result_get();
    let entry = if let Some(entry) = first {
        entry
    } else {
        lines.print("waiting");
        future.listen_to_future_get_or_set_result().block();
        future
            .future_get_or_set_result_get()
            .expect("what is ready has an answer")
    };
    match entry? {
        GetOrSetEntry::Occupied(value) => Ok(format!("occupied {}", text(&value)?)),
        GetOrSetEntry::Vacant(vacancy) => {
            lines.print("vacant");
            let order = body(request);
            obey(&order, vacancy, query)
        }
    }
}

fn obey(order: &str, vacancy: Vacancy, query: &Query<'_>) -> Result<String, Error> {
    let value = query.text("value");
    match order {
        "fill" => {
            let outgoing = vacancy.vacancy_fill(ttl(query));
            drop(vacancy);
            outgoing.outgoing_value_write_body_sync(value.as_bytes())?;
            drop(outgoing);
            Ok("filled".into())
        }
        "begin" => {
            drop(vacancy.vacancy_fill(ttl(query)));
            Ok("begun".into())
        }
        "drop" => {
            drop(vacancy);
            Ok("dropped".into())
        }
        "twice" => {
            let first = vacancy.vacancy_fill(None);
            let second = vacancy.vacancy_fill(None);
            let refused = second.outgoing_value_write_body_sync(value.as_bytes());
            drop(first);
            Ok(refused.map_or_else(|error| describe(&error), |()| "filled twice".into()))
        }
        "keep" => {
            core::mem::forget(vacancy);
            Ok("kept".into())
        }
        "keep-value" => {
            core::mem::forget(vacancy.vacancy_fill(None));
            Ok("kept".into())
        }
        "keep-future" => {
            core::mem::forget(cache::get_or_set(&query.text("key")));
            Ok("kept".into())
        }
        "poll" => {
            let future = cache::get_or_set(&query.text("key"));
            while future.future_get_or_set_result_get().is_none() {}
            Ok("found while it is held".into())
        }
        "drop-twice" => {
            // SAFETY: none is needed, as the host refuses a handle that is dropped.
            let again = unsafe { Vacancy::from_handle(vacancy.handle()) };
            drop(vacancy);
            drop(again);
            Ok("dropped twice".into())
        }
        _ => core::arch::wasm32::unreachable(),
    }
}

/// The whole body of a request.
fn body(request: &IncomingRequest) -> String {
    let incoming = request.consume().expect("the body is taken once");
    let stream = incoming.stream().expect("the stream is taken once");
    let mut bytes = Vec::new();
    while let Ok(piece) = stream.blocking_read(4096) {
        bytes.extend(piece);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
