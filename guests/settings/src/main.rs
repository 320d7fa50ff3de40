//! Prints the configuration values that it has, by each of the interfaces for them, and logs by both of those for the log.
//!
//! Each argument is a step: `get:KEY`, `all`, `log:LEVEL:CONTEXT:MESSAGE`, or `flood:N` for N messages of a kilobyte.

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
    for step in env::args().skip(1) {
        let (step, rest) = step.split_once(':').unwrap_or((&step, ""));
        let done = match step {
            "get" => get(rest),
            "all" => all(),
            "log" => log(rest),
            "flood" => flood(rest),
            _ => None,
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
