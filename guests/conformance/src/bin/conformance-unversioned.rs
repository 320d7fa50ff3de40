//! Tries whether a host keeps the promises of `wasi:keyvalue` without a version. `suite.rs` documents the arguments.

#[path = "../behaviour.rs"]
#[macro_use]
mod behaviour;
#[path = "../older/mod.rs"]
mod behaviours;
#[path = "../older/missing_error.rs"]
mod missing_error;
#[path = "../scratch.rs"]
mod scratch;
#[path = "../suite.rs"]
mod suite;
#[path = "../tap.rs"]
mod tap;
#[path = "../verdict.rs"]
mod verdict;

wit_bindgen::generate!({
    path: ["../../wit/io-0.2.0", "../../wit/keyvalue"],
    world: "wasi:keyvalue/keyvalue",
    generate_all,
});

/// What other generations have otherwise.
mod generation {
    use crate::behaviour::Behaviour;
    use crate::missing_error::{self, NOT_FOUND};

    pub use crate::wasi::io::streams::{InputStream, OutputStream, StreamError};
    pub use crate::wasi::keyvalue::atomic::{compare_and_swap, increment};
    pub use crate::wasi::keyvalue::batch::{delete_many, get_many};
    pub use crate::wasi::keyvalue::readwrite::{delete, exists, get, set};
    pub use crate::wasi::keyvalue::types::{Bucket, Error, IncomingValue, OutgoingValue};

    use crate::wasi::keyvalue::batch;

    pub const NAME: &str = "wasi:keyvalue without a version";
    pub const OPEN: &str = "types.bucket.open-bucket";
    pub const OWN: &[&[Behaviour]] = &[missing_error::BEHAVIOURS];

    /// What `get` answers.
    pub type Got = Result<IncomingValue, Error>;
    /// What `get-many` answers.
    pub type GotMany = Result<Vec<IncomingValue>, Error>;

    pub fn open(name: &str) -> Result<Bucket, Error> {
        Bucket::open_bucket(name)
    }

    pub fn missing_is_none(got: Got) -> Result<Option<IncomingValue>, Error> {
        match got {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.trace() == NOT_FOUND => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn found(got: GotMany) -> Result<Vec<Option<IncomingValue>>, Error> {
        Ok(got?.into_iter().map(Some).collect())
    }

    #[allow(
        clippy::unnecessary_wraps,
        reason = "the other generation has an error here"
    )]
    pub fn keys(bucket: &Bucket) -> Result<Vec<String>, Error> {
        Ok(batch::get_keys(bucket))
    }

    pub fn set_many(bucket: &Bucket, entries: &[(String, &OutgoingValue)]) -> Result<(), Error> {
        batch::set_many(bucket, entries)
    }

    #[allow(
        clippy::unnecessary_wraps,
        reason = "the other generation has an error here"
    )]
    pub fn size(value: &IncomingValue) -> Result<u64, Error> {
        Ok(value.size())
    }

    pub fn describe(error: &Error) -> String {
        format!("an error with the trace {:?}", error.trace())
    }

    /// A name as the interface has it.
    pub fn named(name: &str) -> String {
        name.replace("eventual-batch.keys", "batch.get-keys")
            .replace("eventual-batch", "batch")
            .replace("eventual", "readwrite")
            .replace("incoming-value-size", "size")
    }
}

fn main() -> std::process::ExitCode {
    suite::run()
}
