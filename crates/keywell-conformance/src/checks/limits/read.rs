//! Answers larger than the caller can hold.

use bytes::Bytes;
use keywell_store::{Entry, Invalid, Set};

use super::is_value;
use crate::failure::{Verdict, invalid, same};
use crate::scratch::{Handle, Scratch};

const SIZE: usize = 100_000;

async fn fill(bucket: &Handle) -> Verdict {
    for (key, byte) in [("a", b'a'), ("b", b'b')] {
        let value = Bytes::from(vec![byte; SIZE.min(bucket.capabilities().value_bytes)]);
        bucket.set(key, value, Set::default()).await?;
    }
    Ok(())
}

pub(crate) async fn a_value_that_the_caller_cannot_hold_is_refused(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    let size = SIZE.min(bucket.capabilities().value_bytes);
    fill(&bucket).await?;
    let read = async |max: usize| -> Result<_, keywell_store::Error> {
        let entry = bucket.get_within("a", max).await?;
        Ok(entry.map(|entry| entry.value.len()))
    };
    same(read(size).await?, Some(size), "a value that fits is read")?;
    for max in [size - 1, 1, 0] {
        let promise = "a value that the caller cannot hold is refused as too large";
        invalid(read(max).await, is_value, promise)?;
        let promise = "a refused read leaves the bucket usable";
        same(read(usize::MAX).await?, Some(size), promise)?;
    }
    let none = bucket.get_within("none", 0).await?;
    same(none, None, "an absent key has nothing to hold")
}

pub(crate) async fn values_that_the_caller_cannot_hold_together_are_refused(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    let size = SIZE.min(bucket.capabilities().value_bytes);
    fill(&bucket).await?;
    // A store may blame the one value that is too large by itself.
    let is_large =
        |blamed: &Invalid| matches!(blamed, Invalid::BatchTooLarge { .. }) || is_value(blamed);
    let cases: [(&[&str], usize); 3] = [
        (&["a", "none", "b"], 2 * size),
        // A duplicate key is answered twice.
        (&["a", "a", "b", "a"], 4 * size),
        (&["b"], size),
    ];
    for (keys, bytes) in cases {
        let read = async |max: usize| -> Result<_, keywell_store::Error> {
            let entries = bucket.get_many_within(keys, max).await?;
            Ok(bytes_of(&entries))
        };
        let promise = "values that fit together are read";
        same(read(bytes).await?, bytes, promise)?;
        for max in [bytes - 1, 1, 0] {
            let promise = "values that the caller cannot hold together are refused as too large";
            invalid(read(max).await, is_large, promise)?;
            let promise = "a refused read leaves the bucket usable";
            same(read(usize::MAX).await?, bytes, promise)?;
        }
    }
    for (keys, bytes) in cases {
        let read = async |max: usize| -> Result<_, keywell_store::Error> {
            let entries = bucket.get_with_expiry(keys, max).await?;
            Ok(bytes_of(&entries))
        };
        let promise = "values that fit together are read with expiry";
        same(read(bytes).await?, bytes, promise)?;
        for max in [bytes - 1, 0] {
            let promise = "a reading with expiry refuses values that the caller cannot hold";
            invalid(read(max).await, is_large, promise)?;
        }
    }
    Ok(())
}

fn bytes_of(entries: &[Option<Entry>]) -> usize {
    let values = entries.iter().flatten();
    values.map(|entry| entry.value.len()).sum()
}
