//! Counts how often it was run, by the name in its argument.

use wasi::keyvalue::{atomics, store};

wit_bindgen::generate!({ path: "../../../../wit/keyvalue-0.2.0-draft2", world: "imports" });

fn main() -> Result<(), store::Error> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "runs".to_owned());
    let bucket = store::open("default")?;
    println!("{name}: {}", atomics::increment(&bucket, &name, 1)?);
    Ok(())
}
