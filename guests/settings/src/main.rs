//! Does what its arguments say with the interfaces beside WASI and `wasi:keyvalue` that hosts offer.
//!
//! - `get:KEY`, `all`: prints configuration values, by each of the interfaces for them.
//! - `log:LEVEL:CONTEXT:MESSAGE`, `flood:N`: logs by both of the interfaces for the log; N messages of a kilobyte.
//! - `secret:KEY`: prints a secret. `secrets:KEY:N`: holds it N times.
//! - `link:VERSION:NAME:INTERFACE,INTERFACE`: chooses a link for interfaces of `wasi:keyvalue`, by a version of
//!   `wasmcloud:bus`, and prints its answer.
//! - `bucket`: opens the default bucket, which the steps after it use.
//! - `count:KEY`, `batch:KEY=VALUE`: writes a key by `atomics` or `batch`, and prints the answer.
//! - `unbatch:KEY`, `many:KEY`: deletes and reads a key by `batch`.
//! - `has:KEY`: whether the bucket has a key.

mod links;
mod secrets;

use std::env;
use std::process::ExitCode;

mod draft {
    wit_bindgen::generate!({ path: "../../wit/config-0.2.0-draft", world: "imports" });
}
mod candidate {
    wit_bindgen::generate!({ path: "../../wit/config-0.2.0-rc.1", world: "imports" });
}
mod logging {
    wit_bindgen::generate!({ path: "../../wit/logging", world: "imports" });
}
mod logging_draft {
    wit_bindgen::generate!({ path: "../../wit/logging-0.1.0-draft", world: "imports" });
}

use candidate::wasi::config::store as candidate_store;
use draft::wasi::config::{runtime, store};
use logging::wasi::logging::logging as plain;
use logging_draft::wasi::logging::logging as draft_log;

fn main() -> ExitCode {
    let mut links = links::Links::default();
    for step in env::args().skip(1) {
        let (step, rest) = step.split_once(':').unwrap_or((&step, ""));
        let done = match step {
            "get" => get(rest),
            "all" => all(),
            "log" => log(rest),
            "flood" => flood(rest),
            "secret" => {
                secrets::show(rest);
                Some(())
            }
            "secrets" => secrets::hold(rest),
            step => links.step(step, rest),
        };
        if done.is_none() {
            eprintln!("not a step: {step}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn get(key: &str) -> Option<()> {
    let value = store::get(key).ok()?;
    assert_eq!(value, runtime::get(key).ok()?);
    assert_eq!(value, candidate_store::get(key).ok()?);
    println!("{key}: {value:?}");
    Some(())
}

fn all() -> Option<()> {
    let values = store::get_all().ok()?;
    assert_eq!(values, runtime::get_all().ok()?);
    assert_eq!(values, candidate_store::get_all().ok()?);
    println!("{values:?}");
    Some(())
}

fn log(rest: &str) -> Option<()> {
    let mut parts = rest.splitn(3, ':');
    let (level, context, message) = (parts.next()?, parts.next()?, parts.next()?);
    let (level, draft_level) = match level {
        "trace" => (plain::Level::Trace, draft_log::Level::Trace),
        "debug" => (plain::Level::Debug, draft_log::Level::Debug),
        "info" => (plain::Level::Info, draft_log::Level::Info),
        "warn" => (plain::Level::Warn, draft_log::Level::Warn),
        "error" => (plain::Level::Error, draft_log::Level::Error),
        "critical" => (plain::Level::Critical, draft_log::Level::Critical),
        _ => return None,
    };
    plain::log(level, context, message);
    draft_log::log(draft_level, context, message);
    Some(())
}

fn flood(count: &str) -> Option<()> {
    let message = "x".repeat(1024);
    for _ in 0..count.parse().ok()? {
        plain::log(plain::Level::Info, "", &message);
    }
    Some(())
}
