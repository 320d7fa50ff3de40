//! Tries whether a host keeps the promises of `keywell:keyvalue@0.1.0`. `suite.rs` documents the arguments.

#[path = "../behaviour.rs"]
#[macro_use]
mod behaviour;
#[path = "../keywell/behaviours/mod.rs"]
mod behaviours;
#[path = "../keywell/handle.rs"]
mod handle;
#[path = "../keywell/scratch.rs"]
mod scratch;
#[path = "../suite.rs"]
mod suite;
#[path = "../tap.rs"]
mod tap;
#[path = "../keywell/verdict.rs"]
mod verdict;

wit_bindgen::generate!({
    path: "../../wit/keywell-keyvalue-0.1.0",
    world: "imports",
    with: { "wasi:io/poll@0.2.0": wasip2::io::poll },
});

/// What other generations have otherwise.
mod generation {
    use crate::keywell::keyvalue::store::{self, Bucket, Error};

    pub use crate::verdict::describe;

    pub const NAME: &str = "keywell:keyvalue@0.1.0";
    pub const OPEN: &str = "store.open";

    pub fn open(name: &str) -> Result<Bucket, Error> {
        store::open(name)
    }

    /// A name as the interface has it.
    pub fn named(name: &str) -> String {
        name.to_owned()
    }
}

fn main() -> std::process::ExitCode {
    suite::run()
}
