//! Keys and values at the limits, which a store must hold.

use std::time::Duration;

use bytes::Bytes;
use keywell_store::{
    Answer, Capabilities, Cas, Change, Error, Expected, Filter, Listing, Set, Since, Swap,
};

use crate::failure::{Failure, Verdict, holds, same};
use crate::scratch::{Handle, Scratch, keys, value};

pub(crate) async fn a_value_of_the_largest_size_is_held(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let declared = bucket.capabilities();
    // Together, as some services limit the size of an item.
    let key = "k".repeat(declared.key_bytes);
    let mut largest: Vec<u8> = (0..declared.value_bytes)
        .map(|n| u8::try_from(n * 31 % 251).expect("it is less than 251"))
        .collect();
    for way in ways(declared) {
        if let Some(first) = largest.first_mut() {
            *first = first.wrapping_add(1);
        }
        let largest = Bytes::from(largest.clone());
        write(&bucket, way, &key, largest.clone()).await?;
        let promise = "a value of the largest size is read as it was written";
        let alone = value(&bucket, &key).await?;
        same(alone.is_some_and(|read| read == largest), true, promise)?;
        let many = bucket.get_many(&[&key, "none"]).await?;
        let read = many.into_iter().next().flatten();
        same(
            read.is_some_and(|read| read.value == largest),
            true,
            promise,
        )?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Way {
    Set,
    SetForAWhile,
    SetMany,
    Swap,
}

/// The ways in which the bucket can write a value.
fn ways(declared: Capabilities) -> impl Iterator<Item = Way> {
    let all = [Way::Set, Way::SetForAWhile, Way::SetMany, Way::Swap];
    all.into_iter().filter(move |way| match way {
        Way::Set | Way::SetMany => true,
        Way::SetForAWhile => declared.ttl,
        Way::Swap => declared.cas != Cas::None,
    })
}

async fn write(bucket: &Handle, way: Way, key: &str, value: Bytes) -> Verdict {
    match way {
        Way::Set => drop(bucket.set(key, value, Set::default()).await?),
        Way::SetForAWhile => {
            let how = Set::expiring(Duration::from_hours(1))?;
            drop(bucket.set(key, value, how).await?);
        }
        Way::SetMany => {
            let entries = vec![("j", "v".into()), (key, value)];
            bucket.set_many(entries).await?;
        }
        Way::Swap => {
            let read = bucket.get(key).await?;
            let change = Change::Set(value, Set::default());
            let done = bucket
                .swap(key, Expected::from(read.as_ref()), change)
                .await?;
            let promise = "a swap takes values as large as a set does";
            holds(matches!(done, Swap::Done(Some(_))), (), promise)?;
        }
    }
    Ok(())
}

pub(crate) async fn the_longest_key_can_do_all_that_others_can(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let longest = bucket.capabilities().key_bytes;
    can_do_all(&bucket, &"k".repeat(longest)).await
}

pub(crate) async fn the_longest_key_declared_can_do_all_too(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bare().await?;
    let longest = bucket.capabilities().key_bytes;
    can_do_all(&bucket, &"k".repeat(longest)).await
}

async fn can_do_all(bucket: &Handle, key: &str) -> Verdict {
    let declared = bucket.capabilities();
    let promise = "a key of the longest length can do all that others can";
    bucket.set_many(vec![(key, "41".into())]).await?;
    let many = bucket.get_many(&[key]).await?;
    same(many.iter().flatten().count(), 1, promise)?;
    if declared.increment {
        same(bucket.increment(key, 1).await?, 42, promise)?;
    }
    if declared.cas != Cas::None {
        let read = bucket.get(key).await?;
        let put = Change::Set("v".into(), Set::default());
        bucket.swap(key, Expected::from(read.as_ref()), put).await?;
        same(value(bucket, key).await?, Some("v".into()), promise)?;
    }
    if declared.list != Listing::None {
        same(keys(bucket, key, 1).await?, vec![key.to_owned()], promise)?;
    }
    if let Err(error @ Error::Invalid(_)) = watch(bucket, key).await {
        return Err(Failure::new(error.to_string(), promise));
    }
    bucket.delete_many(&[key]).await?;
    same(bucket.exists(key).await?, false, promise)
}

fn watch(bucket: &Handle, key: &str) -> Answer<()> {
    bucket
        .watch(Filter::Key(key.to_owned()), Since::Now)
        .map(drop)
}
