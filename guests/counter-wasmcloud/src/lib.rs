//! Counts the requests to each path, as `counter` does, and is built as components for wasmCloud 1.x are: with the standard
//! library, on the drafts that wasmCloud offers, and with its choice between links.
//!
//! `?link=NAME` chooses a link for `wasi:keyvalue/store` and `atomics`, `?link=NAME&for=atomics` for one of them alone. `?get`
//! answers the count as it is. The configuration value `label` stands in the place of `Counter`.

mod bus {
    wit_bindgen::generate!({ path: "../../wit/bus-2.0.0", world: "imports" });
}
mod config {
    wit_bindgen::generate!({ path: "../../wit/config-0.2.0-draft", world: "imports" });
}
mod keyvalue {
    wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft", world: "imports" });
}
mod logging {
    wit_bindgen::generate!({ path: "../../wit/logging-0.1.0-draft", world: "imports" });
}
#[path = "../../counter/src/respond.rs"]
mod respond;

use bus::wasmcloud::bus::lattice::{CallTargetInterface, set_link_name};
use config::wasi::config::runtime;
use keyvalue::wasi::keyvalue::store::Error;
use keyvalue::wasi::keyvalue::{atomics, store};
use logging::wasi::logging::logging::{Level, log};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Counter;

wasip2::http::proxy::export!(Counter);

impl Guest for Counter {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match answer(path, query) {
            Ok(text) => respond::text(out, 200, &text),
            Err(problem) => {
                log(Level::Error, "counter", &problem);
                respond::text(out, 500, &format!("{problem}\n"));
            }
        }
    }
}

fn answer(path: &str, query: &str) -> Result<String, String> {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    };
    if let Some(link) = value("link") {
        let interfaces = match value("for") {
            Some(interface) => vec![interface],
            None => vec!["store", "atomics"],
        };
        let interfaces = interfaces.into_iter();
        let interfaces: Vec<_> = interfaces
            .map(|interface| CallTargetInterface::new("wasi", "keyvalue", interface))
            .collect();
        set_link_name(link, interfaces)?;
    }
    let bucket = store::open("default").map_err(describe)?;
    if query.split('&').any(|pair| pair == "get") {
        let found = bucket.get(path).map_err(describe)?;
        let found = found.map(|value| String::from_utf8_lossy(&value).into_owned());
        return Ok(format!("{}\n", found.unwrap_or_else(|| "none".to_owned())));
    }
    let count = atomics::increment(&bucket, path, 1).map_err(describe)?;
    let label = runtime::get("label").ok().flatten();
    let label = label.as_deref().unwrap_or("Counter");
    Ok(format!("{label} {path}: {count}\n"))
}

fn describe(error: Error) -> String {
    match error {
        Error::NoSuchStore => "no-such-store".to_owned(),
        Error::AccessDenied => "access-denied".to_owned(),
        Error::Other(text) => text,
    }
}
