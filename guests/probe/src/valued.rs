//! The same little language as in `script.rs`, for generations whose values and errors are resources. An error is
//! `error TRACE`.
//!
//! | Step | Outcome |
//! |---|---|
//! | `open:NAME` | `ok`; later steps use this bucket |
//! | `get:K` | `some "V"` or `none`, by its bytes |
//! | `get-stream:K` | the same by its stream, a byte at a time |
//! | `get-twice:K` | `"V" "V"`: what consuming it twice answers, first its bytes, then its stream |
//! | `size:K` | how many bytes it has |
//! | `set:K=V1+V2` | `ok`; writes the pieces by one call each |
//! | `set-stream:K=V1+V2` | `ok`; writes the pieces to a stream each |
//! | `set-early:K=V1+V2` | `ok`; writes a piece, sets, writes the other, and does not set again |
//! | `set-again:K=V1+V2` | `ok`; writes a piece, sets, writes the other, and sets again |
//! | `delete:K`, `exists:K`, `list`, `increment:K=D` | as in `script.rs`; `list` is one call |
//! | `cas:K=OLD+NEW` | `true` or `false` |
//! | `get-many:K1,K2` | for each key `"V"` or `none`, with commas between |
//! | `set-many:K1=V1,K2=V2`, `delete-many:K1,K2` | `ok` |
//! | `large:K=N` | `ok`; writes a value of N bytes in pieces of a MiB, and sets it |
//! | `large-stream:K=N` | the same by a stream; sets it whatever the stream says |
//! | `hold-values:N` | holds N new values with a byte each; how many were refused, and why |
//! | `hold-read:K=N` | reads a key N times and holds all that comes; how many were refused, and why |
//! | `hold-streams:K=N` | reads a key N times and a byte of each stream; as before |
//! | `hold-missing:N` | reads a missing key N times and holds the errors; the last trace |
//! | `let-go` | `ok`; drops all that is held |
//! | `batch:N` | `ok`; sets N keys in one call |

use std::any::Any;
use std::env;
use std::process::ExitCode;

use crate::generation::{self, Error, batch, entry};
use crate::wasi::io::streams::{OutputStream, StreamError};
use crate::wasi::keyvalue::atomic;
use crate::wasi::keyvalue::types::{Bucket, IncomingValue, OutgoingValue};

type Outcome = Result<String, Failure>;

pub enum Failure {
    /// What the host answered; the script goes on.
    Host(String),
    /// The step makes no sense; the script ends.
    Script(&'static str),
}

#[derive(Default)]
struct Probe {
    bucket: Option<Bucket>,
    held: Vec<Box<dyn Any>>,
}

const MIB: usize = 1 << 20;

pub fn run() -> ExitCode {
    let mut probe = Probe::default();
    for step in env::args().skip(1) {
        let (verb, argument) = step.split_once(':').unwrap_or((&step, ""));
        let outcome = match probe.step(verb, argument) {
            Ok(outcome) => outcome,
            Err(Failure::Host(trace)) => format!("error {trace}"),
            Err(Failure::Script(reason)) => {
                eprintln!("{step}: {reason}");
                return ExitCode::FAILURE;
            }
        };
        println!("{} -> {outcome}", [verb, argument].join(" ").trim_end());
    }
    ExitCode::SUCCESS
}

// === impl Probe ===

impl Probe {
    fn step(&mut self, verb: &str, argument: &str) -> Outcome {
        match verb {
            "open" => self.bucket = Some(Bucket::open_bucket(argument)?),
            "get" => return self.get(argument, |value| Ok(consumed(value)?)),
            "get-stream" => return self.get(argument, |value| read(value, usize::MAX)),
            "get-twice" => {
                let value = generation::get(self.bucket()?, argument)?;
                let value = value.ok_or("there is no such key")?;
                let first = quote(&consumed(&value)?);
                return Ok(format!("{first} {}", quote(&read(&value, usize::MAX)?)));
            }
            "size" => {
                let value = generation::get(self.bucket()?, argument)?;
                let value = value.ok_or("there is no such key")?;
                return Ok(generation::size(&value)?.to_string());
            }
            "set" | "set-stream" | "set-early" | "set-again" => self.set(verb, argument)?,
            "delete" => entry::delete(self.bucket()?, argument)?,
            "exists" => return Ok(entry::exists(self.bucket()?, argument)?.to_string()),
            "list" => return Ok(generation::keys(self.bucket()?)?.join(",")),
            "increment" => {
                let (key, delta) = pair(argument, '=')?;
                return Ok(atomic::increment(self.bucket()?, key, number(delta)?)?.to_string());
            }
            "cas" => {
                let (key, numbers) = pair(argument, '=')?;
                let (old, new) = pair(numbers, '+')?;
                let (old, new) = (number(old)?, number(new)?);
                let swapped = atomic::compare_and_swap(self.bucket()?, key, old, new)?;
                return Ok(swapped.to_string());
            }
            "get-many" => {
                let values = generation::get_many(self.bucket()?, &list(argument))?;
                let shown = values.into_iter().map(|value| match value {
                    Some(value) => Ok(quote(&consumed(&value)?)),
                    None => Ok("none".into()),
                });
                return Ok(shown.collect::<Result<Vec<_>, Failure>>()?.join(","));
            }
            "set-many" => self.set_many(argument)?,
            "delete-many" => batch::delete_many(self.bucket()?, &list(argument))?,
            "large" => {
                let (key, bytes) = pair(argument, '=')?;
                let value = OutgoingValue::new_outgoing_value();
                for piece in pieces(number(bytes)?) {
                    value.outgoing_value_write_body_sync(&piece)?;
                }
                entry::set(self.bucket()?, key, &value)?;
            }
            "large-stream" => {
                let (key, bytes) = pair(argument, '=')?;
                let value = OutgoingValue::new_outgoing_value();
                let stream = value.outgoing_value_write_body_async()?;
                let written = pieces(number(bytes)?).try_for_each(|piece| write(&stream, &piece));
                let set = entry::set(self.bucket()?, key, &value);
                if let Err(Failure::Host(stream)) = written {
                    let set = set.map_err(|error| error.trace());
                    return Ok(format!("stream {stream}; set {set:?}"));
                }
                set?;
            }
            "hold-values" | "hold-read" | "hold-streams" | "hold-missing" => {
                return self.hold(verb, argument);
            }
            "let-go" => self.held.clear(),
            "batch" => {
                let value = OutgoingValue::new_outgoing_value();
                value.outgoing_value_write_body_sync(b"v")?;
                let pairs = (0..number(argument)?).map(|n| (n.to_string(), &value));
                batch::set_many(self.bucket()?, &pairs.collect::<Vec<_>>())?;
            }
            _ => return Err(Failure::Script("no such step")),
        }
        Ok("ok".into())
    }

    fn bucket(&self) -> Result<&Bucket, Failure> {
        self.bucket.as_ref().ok_or("no bucket is open".into())
    }

    fn get(
        &self,
        key: &str,
        read: impl FnOnce(&IncomingValue) -> Result<Vec<u8>, Failure>,
    ) -> Outcome {
        Ok(match generation::get(self.bucket()?, key)? {
            Some(value) => format!("some {}", quote(&read(&value)?)),
            None => "none".into(),
        })
    }

    fn set(&self, how: &str, argument: &str) -> Result<(), Failure> {
        let (key, pieces) = pair(argument, '=')?;
        let value = OutgoingValue::new_outgoing_value();
        for (at, piece) in pieces.split('+').enumerate() {
            if how == "set-stream" {
                write(&value.outgoing_value_write_body_async()?, piece.as_bytes())?;
            } else {
                value.outgoing_value_write_body_sync(piece.as_bytes())?;
            }
            if at == 0 && how != "set-stream" && how != "set" {
                entry::set(self.bucket()?, key, &value)?;
            }
        }
        if how != "set-early" {
            entry::set(self.bucket()?, key, &value)?;
        }
        Ok(())
    }

    fn set_many(&self, argument: &str) -> Result<(), Failure> {
        let mut values = Vec::new();
        for text in argument.split_terminator(',') {
            let (key, bytes) = pair(text, '=')?;
            let value = OutgoingValue::new_outgoing_value();
            value.outgoing_value_write_body_sync(bytes.as_bytes())?;
            values.push((key.to_owned(), value));
        }
        let pairs = values.iter().map(|(key, value)| (key.clone(), value));
        batch::set_many(self.bucket()?, &pairs.collect::<Vec<_>>())?;
        Ok(())
    }

    fn hold(&mut self, what: &str, argument: &str) -> Outcome {
        let (key, times) = match what {
            "hold-values" | "hold-missing" => ("missing", argument),
            _ => pair(argument, '=')?,
        };
        let (mut refused, mut last) = (0, String::new());
        for _ in 0..number(times)? {
            let outcome = match what {
                "hold-values" => {
                    let value = OutgoingValue::new_outgoing_value();
                    let written = value.outgoing_value_write_body_sync(b"v");
                    self.held.push(Box::new(value));
                    written.map_err(Failure::from)
                }
                "hold-missing" => match generation::get_error(self.bucket()?, key) {
                    Some(error) => {
                        let trace = error.trace();
                        self.held.push(Box::new(error));
                        Err(Failure::Host(trace))
                    }
                    None => Ok(()),
                },
                _ => self.hold_value(what, key),
            };
            match outcome {
                Ok(()) => {}
                Err(Failure::Host(trace)) => (refused, last) = (refused + 1, trace),
                Err(script) => return Err(script),
            }
        }
        Ok(format!("{refused} {last}").trim_end().into())
    }

    fn hold_value(&mut self, what: &str, key: &str) -> Result<(), Failure> {
        let value = generation::get(self.bucket()?, key)?;
        let value = value.ok_or("there is no such key")?;
        if what == "hold-streams" {
            let stream = value.incoming_value_consume_async()?;
            stream.read(1)?;
            self.held.push(Box::new(stream));
        } else {
            self.held.push(Box::new(value));
        }
        Ok(())
    }
}

// === impl Failure ===

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Host(error.trace())
    }
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        Self::Host(match error {
            StreamError::Closed => "closed".into(),
            StreamError::LastOperationFailed(error) => error.to_debug_string(),
        })
    }
}

impl From<&'static str> for Failure {
    fn from(reason: &'static str) -> Self {
        Self::Script(reason)
    }
}

fn consumed(value: &IncomingValue) -> Result<Vec<u8>, Error> {
    value.incoming_value_consume_sync()
}

/// So many bytes of the value's stream, one at a time.
fn read(value: &IncomingValue, most: usize) -> Result<Vec<u8>, Failure> {
    let stream = value.incoming_value_consume_async()?;
    let mut bytes = Vec::new();
    while bytes.len() < most {
        match stream.blocking_read(1) {
            Ok(byte) => bytes.extend(byte),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(bytes)
}

fn write(stream: &OutputStream, bytes: &[u8]) -> Result<(), Failure> {
    let mut left = bytes;
    while !left.is_empty() {
        let permitted = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        let (piece, rest) = left.split_at(permitted.min(left.len()));
        stream.write(piece)?;
        left = rest;
    }
    stream.blocking_flush()?;
    Ok(())
}

fn pieces(bytes: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
    std::iter::from_fn(move || {
        let piece = left.min(MIB);
        left -= piece;
        (piece > 0).then(|| vec![b'x'; piece])
    })
}

fn quote(value: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(value))
}

fn number(text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| "a number is expected".into())
}

fn pair(text: &str, between: char) -> Result<(&str, &str), Failure> {
    text.split_once(between)
        .ok_or("two texts with = or + between are expected".into())
}

/// Nothing is an empty list, not a list of one empty key.
fn list(text: &str) -> Vec<String> {
    text.split_terminator(',').map(String::from).collect()
}
