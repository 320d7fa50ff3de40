//! Runs a script on `wasi:keyvalue@0.1.0`. `valued.rs` explains the language.

#[path = "../valued.rs"]
mod valued;

wit_bindgen::generate!({
    path: ["../../wit/io-0.2.0", "../../wit/keyvalue-0.1.0"],
    world: "wasi:keyvalue/imports",
    generate_all,
});

mod generation {
    pub use crate::wasi::keyvalue::eventual as entry;
    pub use crate::wasi::keyvalue::eventual_batch as batch;
    use crate::wasi::keyvalue::types::{Bucket, IncomingValue};
    pub use crate::wasi::keyvalue::wasi_keyvalue_error::Error;

    pub fn get(bucket: &Bucket, key: &str) -> Result<Option<IncomingValue>, Error> {
        entry::get(bucket, key)
    }

    /// A missing key is no error.
    pub fn get_error(bucket: &Bucket, key: &str) -> Option<Error> {
        entry::get(bucket, key).err()
    }

    pub fn size(value: &IncomingValue) -> Result<u64, Error> {
        value.incoming_value_size()
    }

    pub fn keys(bucket: &Bucket) -> Result<Vec<String>, Error> {
        batch::keys(bucket)
    }

    pub fn get_many(bucket: &Bucket, keys: &[String]) -> Result<Vec<Option<IncomingValue>>, Error> {
        batch::get_many(bucket, keys)
    }
}

fn main() -> std::process::ExitCode {
    valued::run()
}
