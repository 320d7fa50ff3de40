//! The peer, `wasmtime-wasi-keyvalue`, in Wasmtime with its default features and settings, as its users have it.
//! `keywell-bench` starts it, and times it in the same rounds.

#![forbid(unsafe_code)]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are for people"
)]

#[path = "../host/calls.rs"]
mod calls;
#[path = "../guests.rs"]
mod guests;
#[path = "../host/peer.rs"]
mod peer;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use guests::guest;
use peer::Peer;
use wasmtime::Engine;

// The one of all sides.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Done<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    match answer_lines() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench peer: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Each line is an export and how many nanoseconds to measure it; the answer is nanoseconds a call.
fn answer_lines() -> Done {
    let size = std::env::args()
        .nth(1)
        .ok_or("usage: the size of the values in bytes")?;
    let mut peer = Peer::new(&Engine::default(), size.parse()?)?;
    for line in std::io::stdin().lines() {
        let line = line?;
        let (name, about) = line.split_once(' ').ok_or("a line without a time")?;
        let nanos = peer.0.time(name, Duration::from_nanos(about.parse()?))?;
        println!("{nanos}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
