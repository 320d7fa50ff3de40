//! Counts how often it was run, by the name in its argument, with `wstd`.

use std::error::Error;

use wasi::keyvalue::{atomics, store};
use wstd::io::{AsyncWrite as _, stdout};

wit_bindgen::generate!({ path: "../../../../wit/keyvalue-0.2.0-draft2", world: "imports" });

#[wstd::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "runs".to_owned());
    let bucket = store::open("default")?;
    let line = format!("{name}: {}\n", atomics::increment(&bucket, &name, 1)?);
    stdout().write_all(line.as_bytes()).await?;
    Ok(())
}
