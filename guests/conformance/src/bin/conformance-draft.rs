//! Tries whether a host keeps the promises of `wasi:keyvalue@0.2.0-draft`. `suite.rs` documents the arguments.

#[path = "../behaviour.rs"]
#[macro_use]
mod behaviour;
#[path = "../behaviours/mod.rs"]
mod behaviours;
#[path = "../drafts.rs"]
mod drafts;
#[path = "../handle.rs"]
mod handle;
#[path = "../scratch.rs"]
mod scratch;
#[path = "../suite.rs"]
mod suite;
#[path = "../tap.rs"]
mod tap;
#[path = "../behaviours/unsigned.rs"]
mod unsigned;
#[path = "../verdict.rs"]
mod verdict;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft", world: "imports" });

/// What other generations have otherwise.
mod generation {
    use crate::behaviour::Behaviour;
    use crate::handle::Answers;
    use crate::unsigned;
    use crate::wasi::keyvalue::batch;
    use crate::wasi::keyvalue::store::KeyResponse;

    pub use crate::drafts::*;

    pub type Number = u64;
    pub type Cursor = u64;

    pub const NAME: &str = "wasi:keyvalue@0.2.0-draft";
    pub const OWN: &[&[Behaviour]] = &[unsigned::BEHAVIOURS];

    /// A cursor that no host hands out for so few keys.
    pub fn forged_cursor() -> Cursor {
        0xF0_96ED
    }

    pub fn list_keys(bucket: &Bucket, cursor: Option<&Cursor>) -> Result<KeyResponse, Error> {
        bucket.list_keys(cursor.copied())
    }

    pub fn get_many(bucket: &Bucket, keys: &[String]) -> Result<Answers, Error> {
        batch::get_many(bucket, keys)
    }
}

fn main() -> std::process::ExitCode {
    suite::run()
}
