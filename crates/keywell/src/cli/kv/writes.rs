use bytes::Bytes;
use futures::{StreamExt as _, stream};
use keywell_store::{Batching, Bucket, Error, Set};

/// How many values with a time to live are under way at once: there is no batch of them.
const SETS_AT_ONCE: usize = 64;

/// Sets keys, in batches that the bucket takes. If it fails with nothing written, `unsure` is set to
/// zero.
pub(super) async fn set_all<'a>(
    bucket: &dyn Bucket,
    entries: impl Iterator<Item = (&'a str, Bytes)>,
    unsure: &mut usize,
) -> Result<(), Error> {
    let declared = bucket.capabilities();
    let mut entries = entries.peekable();
    let mut is_first = true;
    loop {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let fits = |batch: &Vec<(&str, Bytes)>, bytes| {
            batch.is_empty() || (batch.len() < declared.batch_keys && bytes <= declared.batch_bytes)
        };
        while let Some(entry) = entries.next_if(|(key, value)| {
            let all = bytes + key.len() + value.len();
            fits(&batch, all)
        }) {
            bytes += entry.0.len() + entry.1.len();
            batch.push(entry);
        }
        if batch.is_empty() {
            return Ok(());
        }
        let is_atomic = declared.batch == Batching::Atomic;
        if let Err(error) = bucket.set_many(batch).await {
            if is_first && is_atomic && error.nothing_happened() {
                *unsure = 0;
            }
            return Err(error);
        }
        is_first = false;
    }
}

/// Sets keys that differ, each with a time to live. If it fails, any of them may be written.
pub(super) async fn set_each<'a>(
    bucket: &dyn Bucket,
    entries: impl Iterator<Item = (&'a str, Bytes, Set)>,
) -> Result<(), Error> {
    let sets = entries.map(|(key, value, how)| async move { bucket.set(key, value, how).await });
    let mut sets = stream::iter(sets).buffer_unordered(SETS_AT_ONCE);
    while let Some(set) = sets.next().await {
        set?;
    }
    Ok(())
}
