//! Does what its arguments say with `fermyon:spin`, step by step, on both of its versions.
//!
//! - `open:NAME`: opens a store; the steps after it use the one that was opened last.
//! - `get:KEY`, `set:KEY=VALUE`, `delete:KEY`, `exists:KEY`, `keys`, `close`: one call each.
//! - `many:N`: opens the default store N times, and holds all of them.
//! - `fill:N`: sets N keys of 1000 bytes.
//! - `config:KEY`: reads a configuration value.
//!
//! The first argument is the version: `1` or `2`.

mod one;
mod two;

use std::env;
use std::process::ExitCode;

mod unversioned {
    wit_bindgen::generate!({ path: "../../wit/spin", world: "imports" });
}
mod versioned {
    wit_bindgen::generate!({ path: "../../wit/spin-2.0.0", world: "imports" });
}

/// What a step answered.
type Answer = Result<String, String>;

/// The calls of one version.
trait Calls {
    fn open(&mut self, name: &str) -> Answer;
    fn get(&mut self, key: &str) -> Answer;
    fn set(&mut self, key: &str, value: &[u8]) -> Answer;
    fn delete(&mut self, key: &str) -> Answer;
    fn exists(&mut self, key: &str) -> Answer;
    fn keys(&mut self) -> Answer;
    fn close(&mut self) -> Answer;
    fn many(&mut self, count: usize) -> Answer;
    fn config(&mut self, key: &str) -> Answer;
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let mut calls: Box<dyn Calls> = match arguments.next().as_deref() {
        Some("1") => Box::new(one::One::default()),
        Some("2") => Box::new(two::Two::default()),
        _ => {
            eprintln!("the first argument is 1 or 2");
            return ExitCode::FAILURE;
        }
    };
    for step in arguments {
        let (name, rest) = step.split_once(':').unwrap_or((&step, ""));
        let answer = match name {
            "open" => calls.open(rest),
            "get" => calls.get(rest),
            "set" => {
                let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
                calls.set(key, value.as_bytes())
            }
            "delete" => calls.delete(rest),
            "exists" => calls.exists(rest),
            "keys" => calls.keys(),
            "close" => calls.close(),
            "many" => calls.many(rest.parse().unwrap_or_default()),
            "fill" => fill(&mut *calls, rest.parse().unwrap_or_default()),
            "config" => calls.config(rest),
            _ => {
                eprintln!("not a step: {step}");
                return ExitCode::FAILURE;
            }
        };
        match answer {
            Ok(text) => println!("{step} -> {text}"),
            Err(error) => println!("{step} -> error {error}"),
        }
    }
    ExitCode::SUCCESS
}

fn fill(calls: &mut dyn Calls, count: usize) -> Answer {
    for number in 0..count {
        calls.set(&format!("{number:01000}"), b"")?;
    }
    Ok("ok".to_owned())
}

/// Keys in order, as text.
fn listed(mut keys: Vec<String>) -> String {
    keys.sort();
    keys.join(" ")
}

/// A value, as text.
fn shown(value: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(value))
}
