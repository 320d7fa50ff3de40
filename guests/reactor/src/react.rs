//! What is done with an event, whatever the generation.

use std::time::Duration;

use crate::exports::wasi::keyvalue::watcher::Guest;
use crate::wasi::keyvalue::atomics;
use crate::wasi::keyvalue::store::{self, Bucket, Error};

pub struct Reactor;

impl Guest for Reactor {
    fn on_set(bucket: Bucket, key: String, value: Vec<u8>) {
        react(bucket, &key, Some(&value)).expect("the store does as it is asked");
    }

    fn on_delete(bucket: Bucket, key: String) {
        react(bucket, &key, None).expect("the store does as it is asked");
    }
}

fn react(bucket: Bucket, key: &str, value: Option<&[u8]>) -> Result<(), Error> {
    let record = store::open("record")?;
    let attempt = atomics::increment(&record, &format!("attempts/{key}"), 1)?;
    let (misdeed, rest) = key.split_once(':').unwrap_or((key, ""));
    match misdeed {
        "trap" => {
            let times = rest.split(':').next().and_then(|times| times.parse().ok());
            if times.is_none_or(|times: u64| {
                u64::try_from(attempt).is_ok_and(|attempt| attempt <= times)
            }) {
                core::arch::wasm32::unreachable();
            }
        }
        "loop" => loop {
            core::hint::spin_loop();
        },
        "exit" => std::process::exit(3),
        "slow" => {
            // Neither generation is sure to count down, so beginnings and ends are counted apart.
            let began = atomics::increment(&record, "began", 1)?;
            let ended = record.get("ended")?.map_or(0, |ended| number(&ended));
            let running = u64::try_from(began).unwrap_or_default() - ended;
            atomics::increment(&record, &format!("running/{running}"), 1)?;
            std::thread::sleep(Duration::from_millis(20));
            atomics::increment(&record, "ended", 1)?;
        }
        "again" => {
            let next = value.map_or(0, number) + 1;
            bucket.set(key, next.to_string().as_bytes())?;
        }
        "count" => drop(atomics::increment(&bucket, key, 1)?),
        "flip" => match value {
            Some(_) => bucket.delete(key)?,
            None => bucket.set(key, b"back")?,
        },
        "read" => {
            let read = bucket.get(key)?.unwrap_or_else(|| b"none".to_vec());
            record.set(&format!("read/{key}"), &read)?;
            bucket.set("written", b"by the handle")?;
        }
        "drop" => {
            drop(bucket);
            let again = store::open("")?;
            let there = again.exists(key)?.to_string();
            record.set(&format!("read/{key}"), there.as_bytes())?;
        }
        "keep" => std::mem::forget(bucket),
        _ => {}
    }
    append(&record, &format!("log/{key}"), value)
}

/// Records the events of a key, one after the other: `1;2;nil;`.
fn append(record: &Bucket, log: &str, value: Option<&[u8]>) -> Result<(), Error> {
    let mut text = record.get(log)?.unwrap_or_default();
    text.extend(value.unwrap_or(b"nil"));
    text.push(b';');
    record.set(log, &text)
}

fn number(value: &[u8]) -> u64 {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}
