//! What both shapes of `wasi:keyvalue@0.2.0-draft2` share.

use crate::script::{self, Outcome};
use crate::wasi::keyvalue::atomics::{self, Cas, CasError};
use crate::wasi::keyvalue::store::{Bucket, Error};

#[derive(Default)]
pub struct Swapper(Option<Cas>);

const NO_HANDLE: &str = "no handle is held: cas-new makes one, and a swap that wrote uses it up";

// === impl Swapper ===

impl Swapper {
    pub fn read(&mut self, bucket: &Bucket, key: &str) -> Outcome {
        self.0 = Some(Cas::new(bucket, key)?);
        Ok("ok".into())
    }

    pub fn current(&self) -> Outcome {
        let cas = self.0.as_ref().ok_or(NO_HANDLE)?;
        Ok(script::show(cas.current()?))
    }

    pub fn swap(&mut self, value: &[u8]) -> Outcome {
        match atomics::swap(self.0.take().ok_or(NO_HANDLE)?, value) {
            Ok(()) => Ok("ok".into()),
            Err(CasError::CasFailed(fresh)) => {
                self.0 = Some(fresh);
                Ok("cas-failed".into())
            }
            Err(CasError::StoreError(error)) => Err(error.into()),
        }
    }
}

pub fn list_keys(
    bucket: &Bucket,
    cursor: Option<&str>,
) -> Result<(Vec<String>, Option<String>), Error> {
    let page = bucket.list_keys(cursor)?;
    Ok((page.keys, page.cursor))
}
