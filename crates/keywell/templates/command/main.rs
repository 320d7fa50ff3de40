//! A command that counts how often it was run.

use std::process::ExitCode;

// Functions and types for what `wit/world.wit` imports.
wit_bindgen::generate!({ path: "wit", world: "command", generate_all });

use wasi::keyvalue::{atomics, store};

fn main() -> ExitCode {
    match count() {
        Ok(runs) => {
            println!("run {runs} times");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot count: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn count() -> Result<i64, store::Error> {
    let bucket = store::open("runs")?;
    atomics::increment(&bucket, "runs", 1)
}
