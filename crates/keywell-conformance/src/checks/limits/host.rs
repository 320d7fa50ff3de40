//! Keys, values and batches past the limits of a host, or past lower limits of the bucket, which the
//! host refuses without calling the store.

use bytes::Bytes;
use keywell_store::{Change, Expected, Invalid, Set};

use super::{is_key, is_value, nothing_written};
use crate::failure::{Verdict, invalid, same};
use crate::scratch::{Handle, Scratch, set};

/// Makes every call that takes a key, and checks how each is refused.
async fn is_refused_everywhere(
    bucket: &Handle,
    key: &str,
    blames: fn(&Invalid) -> bool,
) -> Verdict {
    let promise = "a key out of bounds is refused as that by every call";
    let put = || Change::Set("v".into(), Set::default());
    invalid(bucket.get(key).await, blames, promise)?;
    invalid(bucket.exists(key).await, blames, promise)?;
    invalid(
        bucket.set(key, "v".into(), Set::default()).await,
        blames,
        promise,
    )?;
    invalid(bucket.delete(key).await, blames, promise)?;
    invalid(bucket.get_many(&[key]).await, blames, promise)?;
    invalid(
        bucket.set_many(vec![(key, "v".into())]).await,
        blames,
        promise,
    )?;
    invalid(bucket.delete_many(&[key]).await, blames, promise)?;
    invalid(
        bucket.swap(key, Expected::Absent, put()).await,
        blames,
        promise,
    )?;
    invalid(bucket.increment(key, 1).await, blames, promise)
}

pub(crate) async fn an_empty_key_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    is_refused_everywhere(&bucket, "", |blamed| *blamed == Invalid::EmptyKey).await
}

pub(crate) async fn a_key_past_the_limit_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let longest = bucket.capabilities().key_bytes;
    is_refused_everywhere(&bucket, &"k".repeat(longest + 1), is_key).await?;
    // Of 1024 bytes, 257 characters of four bytes each are too many.
    is_refused_everywhere(&bucket, &"🗝".repeat(longest / 4 + 1), is_key).await?;
    let cut = "k".repeat(longest);
    same(
        bucket.exists(&cut).await?,
        false,
        "a key that is too long is not cut and used",
    )
}

pub(crate) async fn a_value_past_the_limit_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let large = Bytes::from(vec![0; bucket.capabilities().value_bytes + 1]);
    set(&bucket, "there", "old").await?;
    let promise = "a value past the limit is refused as that";
    for key in ["there", "none"] {
        let answered = bucket.set(key, large.clone(), Set::default()).await;
        invalid(answered, is_value, promise)?;
        let entries = vec![("beside", "v".into()), (key, large.clone())];
        invalid(bucket.set_many(entries).await, is_value, promise)?;
    }
    nothing_written(&bucket).await
}

pub(crate) async fn a_swap_past_the_limits_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let large = Bytes::from(vec![0; bucket.capabilities().value_bytes + 1]);
    let version = set(&bucket, "there", "old").await?;
    for (key, expected) in [("none", Expected::Absent), ("there", Expected::At(version))] {
        let change = Change::Set(large.clone(), Set::default());
        let answered = bucket.swap(key, expected, change).await;
        invalid(
            answered,
            is_value,
            "a swap to a value past the limit is refused as that",
        )?;
    }
    nothing_written(&bucket).await
}

pub(crate) async fn a_batch_of_too_many_keys_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "there", "old").await?;
    let many: Vec<String> = (0..bucket.capabilities().batch_keys)
        .map(|n| format!("k{n}"))
        .collect();
    let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
    many.push("there");
    let is_long = |blamed: &Invalid| matches!(blamed, Invalid::BatchTooLong { .. });
    let promise = "a batch of more keys than hosts allow and the store declares is refused as that";
    invalid(bucket.get_many(&many).await, is_long, promise)?;
    invalid(bucket.delete_many(&many).await, is_long, promise)?;
    let entries = many.iter().map(|key| (*key, Bytes::new())).collect();
    invalid(bucket.set_many(entries).await, is_long, promise)?;
    same(
        bucket.exists("k0").await?,
        false,
        "a refused batch writes nothing",
    )?;
    nothing_written(&bucket).await
}

pub(crate) async fn a_batch_of_too_many_bytes_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "there", "old").await?;
    let limits = bucket.capabilities();
    // Many entries that share one buffer.
    let value = Bytes::from(vec![0; limits.value_bytes]);
    let names: Vec<String> = (0..=limits.batch_bytes / value.len())
        .map(|n| n.to_string())
        .collect();
    let mut entries: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), value.clone()))
        .collect();
    entries.push(("there", "new".into()));
    let is_large = |blamed: &Invalid| matches!(blamed, Invalid::BatchTooLarge { .. });
    let promise =
        "a batch of more bytes than hosts allow and the store declares is refused as that";
    invalid(bucket.set_many(entries).await, is_large, promise)?;
    same(
        bucket.exists("0").await?,
        false,
        "a refused batch writes nothing",
    )?;
    nothing_written(&bucket).await
}
