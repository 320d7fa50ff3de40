//! Tries whether a host keeps the promises of `wasi:keyvalue@0.1.0`. `suite.rs` documents the arguments.

#[path = "../behaviour.rs"]
#[macro_use]
mod behaviour;
#[path = "../older/mod.rs"]
mod behaviours;
#[path = "../older/missing_none.rs"]
mod missing_none;
#[path = "../scratch.rs"]
mod scratch;
#[path = "../suite.rs"]
mod suite;
#[path = "../tap.rs"]
mod tap;
#[path = "../verdict.rs"]
mod verdict;

wit_bindgen::generate!({
    path: ["../../wit/io-0.2.0", "../../wit/keyvalue-0.1.0"],
    world: "wasi:keyvalue/imports@0.1.0",
    generate_all,
});

/// What other generations have otherwise.
mod generation {
    use crate::behaviour::Behaviour;
    use crate::missing_none;

    pub use crate::wasi::io::streams::{InputStream, OutputStream, StreamError};
    pub use crate::wasi::keyvalue::atomic::{compare_and_swap, increment};
    pub use crate::wasi::keyvalue::eventual::{delete, exists, get, set};
    pub use crate::wasi::keyvalue::eventual_batch::{delete_many, get_many, keys};
    pub use crate::wasi::keyvalue::types::{Bucket, Error, IncomingValue, OutgoingValue};

    use crate::wasi::keyvalue::eventual_batch;

    pub const NAME: &str = "wasi:keyvalue@0.1.0";
    pub const OPEN: &str = "types.bucket.open-bucket";
    pub const OWN: &[&[Behaviour]] = &[missing_none::BEHAVIOURS];

    /// What `get` answers.
    pub type Got = Result<Option<IncomingValue>, Error>;
    /// What `get-many` answers.
    pub type GotMany = Result<Vec<Option<IncomingValue>>, Error>;

    pub fn open(name: &str) -> Result<Bucket, Error> {
        Bucket::open_bucket(name)
    }

    pub fn missing_is_none(got: Got) -> Result<Option<IncomingValue>, Error> {
        got
    }

    pub fn found(got: GotMany) -> Result<Vec<Option<IncomingValue>>, Error> {
        got
    }

    pub fn set_many(bucket: &Bucket, entries: &[(String, &OutgoingValue)]) -> Result<(), Error> {
        eventual_batch::set_many(bucket, entries)
    }

    pub fn size(value: &IncomingValue) -> Result<u64, Error> {
        value.incoming_value_size()
    }

    pub fn describe(error: &Error) -> String {
        format!("an error with the trace {:?}", error.trace())
    }

    /// A name as the interface has it.
    pub fn named(name: &str) -> String {
        name.to_owned()
    }
}

fn main() -> std::process::ExitCode {
    suite::run()
}
