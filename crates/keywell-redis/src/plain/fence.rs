use keywell_store::{Error, Result, reserved};

/// Refuses the keys of reserved buckets.
pub(super) fn check(key: &str) -> Result<()> {
    let Some(bucket) = reserved::bucket_of_key(key) else {
        return Ok(());
    };
    let problem =
        format!("keys that begin with {bucket}: are Keywell's own, in the bucket {bucket}");
    Err(Error::AccessDenied(problem.into()))
}
