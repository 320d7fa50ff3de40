//! Keys and values past what a bucket declares, which the bucket itself refuses.

use std::time::Duration;

use bytes::Bytes;
use keywell_store::{Cas, Change, Entry, Error, Expected, Invalid, Listing, Result, Set};

use super::{is_key, is_value, nothing_written};
use crate::failure::{Failure, Verdict, answer, invalid, same};
use crate::scratch::{Handle, Scratch, keys, set};

pub(crate) async fn a_store_refuses_longer_keys_than_it_declares(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bare().await?;
    let declared = bucket.capabilities();
    set(&bucket, "there", "old").await?;
    // A store that truncates keys would write to this one.
    let longest = "k".repeat(declared.key_bytes);
    set(&bucket, &longest, "41").await?;
    let before = bucket.get(&longest).await?;
    let long = format!("{longest}k");
    let wide = "🗝".repeat(declared.key_bytes / 4 + 1);
    let promise = "a key that is longer than declared is refused as that";
    for key in [&long, &wide] {
        for refused in write_all(&bucket, key, &"42".into()).await {
            invalid(refused, is_key, promise)?;
        }
        if declared.increment {
            invalid(bucket.increment(key, 1).await, is_key, promise)?;
        }
        is_absent(&bucket.get(key).await)?;
        let promise = "a refused write changes no other key";
        same(bucket.get(&longest).await?, before.clone(), promise)?;
        nothing_written(&bucket).await?;
    }
    if declared.list != Listing::None {
        let mut listed = keys(&bucket, "", 10).await?;
        listed.sort_unstable();
        let promise = "a refused write adds no key";
        same(listed, vec![longest, "there".to_owned()], promise)?;
    }
    Ok(())
}

pub(crate) async fn a_store_refuses_larger_values_than_it_declares(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bare().await?;
    let large = Bytes::from(vec![b'1'; bucket.capabilities().value_bytes + 1]);
    set(&bucket, "there", "old").await?;
    let before = bucket.get("there").await?;
    let promise = "a value that is larger than declared is refused as that";
    for key in ["there", "none"] {
        for refused in write_all(&bucket, key, &large).await {
            invalid(refused, is_value, promise)?;
        }
        let promise = "a refused write changes nothing";
        same(bucket.get("there").await?, before.clone(), promise)?;
        nothing_written(&bucket).await?;
    }
    Ok(())
}

/// Tries every kind of write that the bucket offers.
async fn write_all(bucket: &Handle, key: &str, value: &Bytes) -> Vec<Result<()>> {
    let declared = bucket.capabilities();
    let set = |ttl| bucket.set(key, value.clone(), Set { ttl }).map(drop);
    let beside = ("beside", Bytes::from("1"));
    let many = [
        vec![(key, value.clone()), beside.clone()],
        vec![beside, (key, value.clone())],
    ];
    let mut answered = vec![set(None).await];
    for entries in many {
        answered.push(bucket.set_many(entries).await);
    }
    if declared.ttl {
        answered.push(set(Some(Duration::from_hours(1))).await);
    }
    if declared.cas != Cas::None {
        let read = bucket.get(key).await.unwrap_or_default();
        let change = Change::Set(value.clone(), Set::default());
        let swapped = bucket.swap(key, Expected::from(read.as_ref()), change);
        answered.push(swapped.map(drop).await);
    }
    answered
}

/// Checks that the key is absent, or refused.
fn is_absent(read: &Result<Option<Entry>>) -> Verdict {
    match read {
        Ok(None) | Err(Error::Invalid(Invalid::KeyTooLong { .. })) => Ok(()),
        other => Err(Failure::new(
            answer(other),
            "a key that is longer than declared is not there",
        )),
    }
}
