//! Runs a script on `wasi:keyvalue` without a version. `valued.rs` explains the language.

#[path = "../valued.rs"]
mod valued;

wit_bindgen::generate!({
    path: ["../../wit/io-0.2.0", "../../wit/keyvalue"],
    world: "wasi:keyvalue/keyvalue",
    generate_all,
});

mod generation {
    pub use crate::wasi::keyvalue::batch;
    pub use crate::wasi::keyvalue::readwrite as entry;
    use crate::wasi::keyvalue::types::{Bucket, IncomingValue};
    pub use crate::wasi::keyvalue::wasi_cloud_error::Error;

    pub fn get(bucket: &Bucket, key: &str) -> Result<Option<IncomingValue>, Error> {
        entry::get(bucket, key).map(Some)
    }

    pub fn get_error(bucket: &Bucket, key: &str) -> Option<Error> {
        entry::get(bucket, key).err()
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "another generation may answer an error"
    )]
    pub fn size(value: &IncomingValue) -> Result<u64, Error> {
        Ok(value.size())
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "another generation may answer an error"
    )]
    pub fn keys(bucket: &Bucket) -> Result<Vec<String>, Error> {
        Ok(batch::get_keys(bucket))
    }

    pub fn get_many(bucket: &Bucket, keys: &[String]) -> Result<Vec<Option<IncomingValue>>, Error> {
        let values = batch::get_many(bucket, keys)?;
        Ok(values.into_iter().map(Some).collect())
    }
}

fn main() -> std::process::ExitCode {
    valued::run()
}
