//! Answers requests by calls of another component, one path a call; the query is what it passes.
//!
//! | Path | What it does |
//! |---|---|
//! | `/greet` | passes a value of every kind; answers `whole` if it comes back as it was |
//! | `/count?BUCKET` | lets the other one count `key` in a bucket; answers the number or the error |
//! | `/own?BUCKET` | counts `key` in a bucket itself; answers the same |
//! | `/calls?N` | measures N empty lists, each by a call |
//! | `/fill?N` | gets N bytes; answers how many came |
//! | `/measure?N` | passes N bytes; answers how many the other one got |
//! | `/wait` `/compute` `/grow` | the other one waits an hour, computes for ever, uses all of its memory |
//!
//! When a key is set, it lets the other one count that key in the bucket `its`.

#[path = "../../counter/src/respond.rs"]
mod respond;

mod known {
    use crate::example::greet::greeter::{Marks, Mood, Person, Place, Wish};

    include!("../../greeter/src/known.rs");
}

use example::greet::greeter::{self, Problem};
use keyvalue::exports::wasi::keyvalue::watcher;
use keyvalue::wasi::keyvalue::{atomics, store};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

mod keyvalue {
    wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "watch-service" });
}

wit_bindgen::generate!({
    path: "../greet-wit",
    world: "importer",
    additional_derives: [PartialEq],
});

struct Caller;

wasip2::http::proxy::export!(Caller);
keyvalue::export!(Caller with_types_in keyvalue);

impl watcher::Guest for Caller {
    fn on_set(_: watcher::Bucket, key: String, _: Vec<u8>) {
        greeter::count("its", &key).expect("the other one has the bucket");
    }

    fn on_delete(_: watcher::Bucket, _: String) {}
}

impl Guest for Caller {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        respond::text(out, 200, &answer(path, query));
    }
}

fn answer(path: &str, query: &str) -> String {
    let number = query.parse::<u32>().unwrap_or_default();
    let bytes = |length| vec![b'x'; length as usize];
    match path {
        "/greet" => match greeter::greet(&known::person()) {
            Ok(person) if person == known::person() => "whole".to_owned(),
            Ok(person) => format!("{person:?}"),
            Err(Problem::Stranger(person)) => format!("a stranger: {person}"),
            Err(Problem::Closed) => "closed".to_owned(),
        },
        "/count" => said(greeter::count(query, "key")),
        "/own" => said(own(query)),
        "/calls" => {
            let calls = (0..number).map(|_| greeter::measure(&[]));
            calls.sum::<u32>().to_string()
        }
        "/fill" => greeter::fill(number).len().to_string(),
        "/measure" => greeter::measure(&bytes(number)).to_string(),
        "/wait" => done(greeter::wait),
        "/compute" => done(greeter::compute),
        "/grow" => done(greeter::grow),
        _ => "no such path".to_owned(),
    }
}

fn own(bucket: &str) -> Result<i64, String> {
    let bucket = store::open(bucket);
    let counted = bucket.and_then(|bucket| atomics::increment(&bucket, "key", 1));
    counted.map_err(|error| match error {
        store::Error::NoSuchStore => "no-such-store".to_owned(),
        store::Error::AccessDenied => "access-denied".to_owned(),
        store::Error::Other(text) => text,
    })
}

fn said(counted: Result<i64, String>) -> String {
    counted.map_or_else(|error| error, |number| number.to_string())
}

fn done(call: impl FnOnce()) -> String {
    call();
    "done".to_owned()
}
