//! A little language to try a key-value host from the command line. Each argument is a step, each step prints one line:
//! what was asked, `->`, and the outcome. An error is `error no-such-store`, `error access-denied` or `error other: TEXT`, and
//! the script goes on. A step that makes no sense ends it, with exit code 1. Values are printed in quotes, as UTF-8.
//!
//! | Step | Outcome |
//! |---|---|
//! | `open:NAME` | `ok`; later steps use this bucket |
//! | `drop` | `ok`; closes the bucket |
//! | `get:K` | `some "V"` or `none` |
//! | `set:K=V` | `ok` |
//! | `delete:K` | `ok` |
//! | `exists:K` | `true` or `false` |
//! | `list` | all keys in the order received, with commas between |
//! | `list-page` | the keys of the first page, a space, and `cursor "C"` or `end` |
//! | `list-cursor:C` | the same of the page at a cursor |
//! | `increment:K=D` | the new number |
//! | `cas-new:K` | `ok`; later steps use this handle |
//! | `cas-current` | as `get` |
//! | `swap:V` | `ok`, or `cas-failed` and the fresh handle is used from there |
//! | `get-many:K1,K2` | for each answer `K="V"` or `none`, with commas between; `K=none` where the generation names the key |
//! | `set-many:K1=V1,K2=V2` | `ok` |
//! | `delete-many:K1,K2` | `ok` |
//!
//! `open:a set:k=v get:k` prints
//!
//! ```text
//! open a -> ok
//! set k=v -> ok
//! get k -> some "v"
//! ```

use std::env;
use std::process::ExitCode;

use crate::generation::{self, Swapper};
use crate::wasi::keyvalue::store::{self, Bucket, Error};
use crate::wasi::keyvalue::{atomics, batch};

pub type Outcome = Result<String, Failure>;

pub enum Failure {
    /// What the host answered; the script goes on.
    Store(Error),
    /// The step makes no sense; the script ends.
    Script(&'static str),
}

#[derive(Default)]
struct Probe {
    bucket: Option<Bucket>,
    swapper: Swapper,
}

pub fn run() -> ExitCode {
    let mut probe = Probe::default();
    for step in env::args().skip(1) {
        let (verb, argument) = step.split_once(':').unwrap_or((&step, ""));
        let outcome = match probe.step(verb, argument) {
            Ok(outcome) => outcome,
            Err(Failure::Store(Error::NoSuchStore)) => "error no-such-store".into(),
            Err(Failure::Store(Error::AccessDenied)) => "error access-denied".into(),
            Err(Failure::Store(Error::Other(text))) => format!("error other: {text}"),
            Err(Failure::Script(reason)) => {
                eprintln!("{step}: {reason}");
                return ExitCode::FAILURE;
            }
        };
        let asked = [verb, argument].join(" ");
        println!(
            "{}",
            format!("{} -> {outcome}", asked.trim_end()).trim_end()
        );
    }
    ExitCode::SUCCESS
}

// === impl Probe ===

impl Probe {
    fn step(&mut self, verb: &str, argument: &str) -> Outcome {
        match verb {
            "open" => self.bucket = Some(store::open(argument)?),
            "drop" => self.bucket = None,
            "get" => return Ok(show(self.bucket()?.get(argument)?)),
            "set" => {
                let (key, value) = pair(argument)?;
                self.bucket()?.set(key, value.as_bytes())?;
            }
            "delete" => self.bucket()?.delete(argument)?,
            "exists" => return Ok(self.bucket()?.exists(argument)?.to_string()),
            "list" => return self.list(),
            "list-page" => return self.page(None),
            "list-cursor" => return self.page(Some(argument)),
            "increment" => {
                let (key, delta) = pair(argument)?;
                let delta = delta.parse().map_err(|_| "the delta is not a number")?;
                return Ok(atomics::increment(self.bucket()?, key, delta)?.to_string());
            }
            "cas-new" => {
                let bucket = self.bucket.as_ref().ok_or(NO_BUCKET)?;
                return self.swapper.read(bucket, argument);
            }
            "cas-current" => return self.swapper.current(),
            "swap" => return self.swapper.swap(argument.as_bytes()),
            "get-many" => {
                let answers = batch::get_many(self.bucket()?, &list(argument))?;
                let shown: Vec<_> = answers.into_iter().map(generation::show).collect();
                return Ok(shown.join(","));
            }
            "set-many" => {
                let pairs: Result<Vec<_>, Failure> = argument
                    .split_terminator(',')
                    .map(|text| pair(text).map(|(key, value)| (key.into(), value.into())))
                    .collect();
                batch::set_many(self.bucket()?, &pairs?)?;
            }
            "delete-many" => batch::delete_many(self.bucket()?, &list(argument))?,
            _ => return Err(Failure::Script("no such step")),
        }
        Ok("ok".into())
    }

    fn bucket(&self) -> Result<&Bucket, Failure> {
        self.bucket.as_ref().ok_or(NO_BUCKET.into())
    }

    fn list(&self) -> Outcome {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let (keys, next) = generation::list_keys(self.bucket()?, cursor.as_deref())?;
            all.extend(keys);
            if next.is_none() {
                return Ok(all.join(","));
            }
            cursor = next;
        }
    }

    fn page(&self, cursor: Option<&str>) -> Outcome {
        let (keys, next) = generation::list_keys(self.bucket()?, cursor)?;
        let rest = next.map_or("end".into(), |cursor| format!("cursor {cursor:?}"));
        Ok(format!("{} {rest}", keys.join(",")).trim_start().into())
    }
}

const NO_BUCKET: &str = "no bucket is open";

// === impl Failure ===

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<&'static str> for Failure {
    fn from(reason: &'static str) -> Self {
        Self::Script(reason)
    }
}

pub fn show(value: Option<Vec<u8>>) -> String {
    value.map_or("none".into(), |value| format!("some {}", quote(&value)))
}

pub fn quote(value: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(value))
}

fn pair(text: &str) -> Result<(&str, &str), Failure> {
    text.split_once('=')
        .ok_or("a key, =, and a value are expected".into())
}

/// Nothing is an empty list, not a list of one empty key.
fn list(text: &str) -> Vec<String> {
    text.split_terminator(',').map(String::from).collect()
}
