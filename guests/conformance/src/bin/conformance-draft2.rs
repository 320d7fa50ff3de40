//! Tries whether a host keeps the promises of `wasi:keyvalue@0.2.0-draft2`. `suite.rs` documents the arguments.

#[path = "../behaviour.rs"]
#[macro_use]
mod behaviour;
#[path = "../behaviours/mod.rs"]
mod behaviours;
#[path = "../behaviours/cas.rs"]
mod cas;
#[path = "../drafts.rs"]
mod drafts;
#[path = "../handle.rs"]
mod handle;
#[path = "../behaviours/races.rs"]
mod races;
#[path = "../scratch.rs"]
mod scratch;
#[path = "../behaviours/signed.rs"]
mod signed;
#[path = "../suite.rs"]
mod suite;
#[path = "../tap.rs"]
mod tap;
#[path = "../verdict.rs"]
mod verdict;

wit_bindgen::generate!({ path: "../../wit/keyvalue-0.2.0-draft2", world: "imports" });

/// What other generations have otherwise.
mod generation {
    use crate::behaviour::Behaviour;
    use crate::handle::Answers;
    use crate::wasi::keyvalue::batch;
    use crate::wasi::keyvalue::store::KeyResponse;
    use crate::{cas, races, signed};

    pub use crate::drafts::*;

    pub type Number = i64;
    pub type Cursor = String;

    pub const NAME: &str = "wasi:keyvalue@0.2.0-draft2";
    pub const OWN: &[&[Behaviour]] = &[signed::BEHAVIOURS, cas::BEHAVIOURS, races::BEHAVIOURS];

    /// A cursor that no host hands out.
    pub fn forged_cursor() -> Cursor {
        "forged".into()
    }

    pub fn list_keys(bucket: &Bucket, cursor: Option<&Cursor>) -> Result<KeyResponse, Error> {
        bucket.list_keys(cursor.map(String::as_str))
    }

    pub fn get_many(bucket: &Bucket, keys: &[String]) -> Result<Answers, Error> {
        batch::get_many(bucket, keys)
    }
}

fn main() -> std::process::ExitCode {
    suite::run()
}
