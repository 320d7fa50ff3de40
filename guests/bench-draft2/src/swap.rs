use crate::wasi::keyvalue::atomics::{self, Cas};
use crate::wasi::keyvalue::store::Bucket;

/// Reads a key and its version, and writes if that still stands.
pub(crate) fn swap(bucket: &Bucket, key: &str, value: &[u8]) -> usize {
    let cas = Cas::new(bucket, key).expect("the store is well");
    let Ok(()) = atomics::swap(cas, value) else {
        panic!("no one else writes");
    };
    1
}
