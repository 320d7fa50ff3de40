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

pub(crate) async fn a_store_refuses_keys_outside_its_alphabet(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bare().await?;
    let declared = bucket.capabilities();
    set(&bucket, "there", "old").await?;
    // What is left of them if a store takes the character out.
    set(&bucket, "kk", "41").await?;
    let before = bucket.get("kk").await?;
    let ranges = declared.alphabet.excluded.iter();
    for character in ranges.flat_map(|(first, last)| [*first, *last]) {
        let is_named = |blamed: &Invalid| *blamed == Invalid::KeyCharacter(character);
        let promise = "a key with a character outside the alphabet is refused as that";
        for key in [
            format!("k{character}k"),
            format!("{character}kk"),
            format!("kk{character}"),
        ] {
            for refused in write_all(&bucket, &key, &"42".into()).await {
                invalid(refused, is_named, promise)?;
            }
            if declared.increment {
                invalid(bucket.increment(&key, 1).await, is_named, promise)?;
            }
            match bucket.get(&key).await {
                Ok(None) | Err(Error::Invalid(Invalid::KeyCharacter(_))) => {}
                other => {
                    let promise = "a key outside the alphabet is not there";
                    return Err(Failure::new(answer(&other), promise));
                }
            }
            let promise = "a refused write changes no other key";
            same(bucket.get("kk").await?, before.clone(), promise)?;
            nothing_written(&bucket).await?;
        }
    }
    Ok(())
}

pub(crate) async fn a_store_refuses_longer_batches_than_it_declares(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bare().await?;
    let declared = bucket.capabilities();
    set(&bucket, "there", "old").await?;
    let names: Vec<String> = (0..declared.batch_keys).map(|n| format!("k{n}")).collect();
    let mut keys: Vec<&str> = names.iter().map(String::as_str).collect();
    let promise = "the longest batch that is declared is written, read and deleted";
    let longest = keys.clone();
    bucket.set_many(entries_of(&longest)).await?;
    let read = bucket.get_many(&longest).await?;
    same(read.iter().flatten().count(), longest.len(), promise)?;
    bucket.delete_many(&longest).await?;
    let read = bucket.get_many(&longest).await?;
    same(read.iter().flatten().count(), 0, promise)?;
    keys.push("there");
    let is_long = |blamed: &Invalid| matches!(blamed, Invalid::BatchTooLong { .. });
    let promise = "a batch of more keys than declared is refused as that";
    invalid(bucket.set_many(entries_of(&keys)).await, is_long, promise)?;
    invalid(bucket.delete_many(&keys).await, is_long, promise)?;
    invalid(bucket.get_many(&keys).await, is_long, promise)?;
    let read = bucket.get_with_expiry(&keys, usize::MAX).await;
    invalid(read, is_long, promise)?;
    if let Some(first) = longest.first() {
        let promise = "a refused batch writes nothing";
        same(bucket.exists(first).await?, false, promise)?;
    }
    nothing_written(&bucket).await
}

fn entries_of<'a>(keys: &[&'a str]) -> Vec<(&'a str, Bytes)> {
    keys.iter().map(|key| (*key, Bytes::new())).collect()
}

pub(crate) async fn a_store_refuses_larger_batches_than_it_declares(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bare().await?;
    let declared = bucket.capabilities();
    set(&bucket, "there", "old").await?;
    // Many entries that share one buffer.
    let value = Bytes::from(vec![0; declared.value_bytes.min(declared.batch_bytes)]);
    let count = declared.batch_bytes / value.len().max(1) + 1;
    if count > declared.batch_keys {
        // A batch of so many bytes has too many keys.
        return Ok(());
    }
    let names: Vec<String> = (1..count).map(|n| format!("k{n}")).collect();
    let names = names.iter().map(String::as_str).chain(["there"]);
    let entries = names.map(|name| (name, value.clone())).collect();
    let is_large = |blamed: &Invalid| matches!(blamed, Invalid::BatchTooLarge { .. });
    let promise = "a batch of more bytes than declared is refused as that";
    invalid(bucket.set_many(entries).await, is_large, promise)?;
    let promise = "a refused batch writes nothing";
    same(bucket.exists("k1").await?, false, promise)?;
    nothing_written(&bucket).await
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
