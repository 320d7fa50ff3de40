//! Requests and their answers, which are lines. A call that fails answers `error: TRACE`.
//!
//! | Path | What it answers |
//! |---|---|
//! | `/get?key=K` | the value, or `none` |
//! | `/exists?key=K` | `true` or `false` |
//! | `/set?key=K&value=V` | `ok`; with `ttl=N`, the key is gone after N milliseconds |
//! | `/delete?key=K` | `ok` |
//! | `/get-or-set?key=K&value=V` | `waiting` if it has to wait, then `occupied V` or `vacant`. Then it reads the request's body, and with the vacancy does what that says; see [`entries`] |
//! | `/dropped?key=K` | consumes a value after it dropped its handle, which traps |
//! | `/taken?key=K` | what a future answers before it is ready and after it was taken |
//! | `/many?key=K&n=N` | asks N times for the value, and keeps all futures; answers how many were a value, and the first error |

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::entries;
use crate::lines::Lines;
use crate::query::Query;
use crate::wasi::keyvalue::cache::{self, FutureGetResult};
use crate::wasi::keyvalue::types::{Error, IncomingValue, OutgoingValue};

pub struct Cacher;

impl Guest for Cacher {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = Query::new(query);
        let key = query.text("key");
        let lines = Lines::start(out);
        let answer = match path {
            "/get" => get(&key),
            "/exists" => exists(&key),
            "/set" => set(&key, query.text("value").as_bytes(), ttl(&query)),
            "/delete" => delete(&key),
            "/get-or-set" => entries::get_or_set(&request, &lines, &query),
            "/dropped" => consume_after_drop(&key),
            "/taken" => Ok(taken(&key)),
            "/many" => Ok(many(&key, query.number("n"))),
            _ => Ok("no such request".into()),
        };
        lines.print(&answer.unwrap_or_else(|error| describe(&error)));
        lines.finish();
    }
}

pub fn ttl(query: &Query<'_>) -> Option<u32> {
    query.given("ttl").and_then(|ttl| ttl.parse().ok())
}

pub fn describe(error: &Error) -> String {
    format!("error: {}", error.trace())
}

pub fn text(value: &IncomingValue) -> Result<String, Error> {
    let bytes = value.incoming_value_consume_sync()?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn get(key: &str) -> Result<String, Error> {
    match await_get(&cache::get(key))? {
        Some(value) => text(&value),
        None => Ok("none".into()),
    }
}

fn await_get(future: &FutureGetResult) -> Result<Option<IncomingValue>, Error> {
    future.listen_to_future_get_result().block();
    future
        .future_get_result_get()
        .expect("what is ready has an answer")
}

fn exists(key: &str) -> Result<String, Error> {
    let future = cache::exists(key);
    let ready = future.listen_to_future_exists_result();
    ready.block();
    let exists = future.future_exists_result_get();
    // Both orders of dropping them are allowed.
    drop(future);
    drop(ready);
    Ok(exists.expect("what is ready has an answer")?.to_string())
}

fn set(key: &str, value: &[u8], ttl: Option<u32>) -> Result<String, Error> {
    let outgoing = OutgoingValue::new_outgoing_value();
    outgoing.outgoing_value_write_body_sync(value)?;
    let future = cache::set(key, &outgoing, ttl);
    drop(outgoing);
    future.listen_to_future_result().block();
    future
        .future_result_get()
        .expect("what is ready has an answer")?;
    Ok("ok".into())
}

fn delete(key: &str) -> Result<String, Error> {
    let future = cache::delete(key);
    future.listen_to_future_result().block();
    future
        .future_result_get()
        .expect("what is ready has an answer")?;
    Ok("ok".into())
}

fn consume_after_drop(key: &str) -> Result<String, Error> {
    let Some(value) = await_get(&cache::get(key))? else {
        return Ok("none".into());
    };
    // SAFETY: none is needed, as the host refuses a handle that is dropped.
    let dropped = unsafe { IncomingValue::from_handle(value.handle()) };
    drop(value);
    text(&dropped)
}

fn taken(key: &str) -> String {
    let future = cache::get(key);
    let ready = future.listen_to_future_get_result();
    ready.block();
    let first = future.future_get_result_get();
    let second = future.future_get_result_get();
    ready.block();
    let is_ready = ready.ready();
    format!(
        "first {}, second {}, ready {is_ready}",
        first.map_or("none", |_| "some"),
        second.map_or("none", |_| "some"),
    )
}

fn many(key: &str, count: u64) -> String {
    let futures: Vec<_> = (0..count).map(|_| cache::get(key)).collect();
    let (mut values, mut kept, mut failed) = (0, Vec::new(), String::from("no error"));
    for future in &futures {
        match await_get(future) {
            Ok(value) => {
                values += 1;
                kept.push(value);
            }
            Err(error) if failed == "no error" => failed = describe(&error),
            Err(_) => {}
        }
    }
    format!("{values} values; {failed}")
}
