use bytes::Bytes;
use keywell_store::{Change, Expected, Swap};

use super::{is_stale, swap, wrote};
use crate::failure::{Verdict, same};
use crate::scratch::{Scratch, set, value};

pub(crate) async fn a_swap_at_the_version_that_was_read_writes(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "old").await?;
    let read = bucket.get("k").await?;
    let done = swap(&bucket, "k", Expected::from(read.as_ref()), "new").await?;
    wrote(&done, "a swap at the version that was read writes")?;
    same(
        value(&bucket, "k").await?,
        Some("new".into()),
        "what a swap wrote is read",
    )
}

pub(crate) async fn a_stale_swap_writes_nothing(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let old = set(&bucket, "k", "old").await?;
    set(&bucket, "k", "newer").await?;
    let stale = swap(&bucket, "k", Expected::At(old), "mine").await?;
    is_stale(stale, "a swap at an outdated version is stale")?;
    same(
        value(&bucket, "k").await?,
        Some("newer".into()),
        "a stale swap writes nothing",
    )
}

pub(crate) async fn a_swap_answers_the_version_that_get_reads(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let promise = "a swap answers the version that get then reads";
    let created = swap(&bucket, "k", Expected::Absent, "one").await?;
    let first = wrote(&created, promise)?;
    let read = bucket.get("k").await?.map(|entry| entry.version);
    same(read, Some(first.clone()), promise)?;
    let second = swap(&bucket, "k", Expected::At(first), "two").await?;
    let second = wrote(
        &second,
        "the version that a swap answered can be swapped at",
    )?;
    let read = bucket.get("k").await?.map(|entry| entry.version);
    same(read, Some(second), promise)
}

pub(crate) async fn of_two_swaps_from_one_read_one_writes(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "old").await?;
    let read = bucket.get("k").await?;
    let expected = Expected::from(read.as_ref());
    let first = swap(&bucket, "k", expected.clone(), "first").await?;
    wrote(&first, "the first swap from a read writes")?;
    let second = swap(&bucket, "k", expected, "second").await?;
    is_stale(second, "the second swap from the same read is stale")?;
    same(
        value(&bucket, "k").await?,
        Some("first".into()),
        "the first swap stands",
    )
}

pub(crate) async fn a_swap_on_an_absent_key_creates_it(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let promise = "a swap that expects no key creates it";
    for round in ["never set", "deleted"] {
        let created = swap(&bucket, "k", Expected::Absent, "new").await?;
        wrote(&created, promise)?;
        same(value(&bucket, "k").await?, Some("new".into()), promise)?;
        if round == "never set" {
            bucket.delete("k").await?;
        }
    }
    Ok(())
}

pub(crate) async fn a_swap_on_an_absent_key_loses_to_a_creator(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let read = bucket.get("k").await?;
    same(&read, &None, "a key that was never set is absent")?;
    set(&bucket, "k", "the creator's").await?;
    let late = swap(&bucket, "k", Expected::from(read.as_ref()), "mine").await?;
    is_stale(
        late,
        "a swap that expects no key is stale once another caller created it",
    )?;
    let kept = value(&bucket, "k").await?;
    same(
        kept,
        Some("the creator's".into()),
        "a stale swap overwrites no creator",
    )
}

pub(crate) async fn an_empty_value_is_no_absent_key_to_a_swap(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let empty = set(&bucket, "k", "").await?;
    let late = swap(&bucket, "k", Expected::Absent, "mine").await?;
    is_stale(late, "a key of an empty value is there")?;
    same(
        value(&bucket, "k").await?,
        Some(Bytes::new()),
        "a stale swap writes nothing",
    )?;
    let done = swap(&bucket, "k", Expected::At(empty), "full").await?;
    wrote(&done, "an empty value has a version to swap at").map(drop)
}

pub(crate) async fn a_swap_brings_no_deleted_key_back(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let version = set(&bucket, "k", "old").await?;
    bucket.delete("k").await?;
    let late = swap(&bucket, "k", Expected::At(version), "mine").await?;
    is_stale(late, "a swap at a version is stale once the key is deleted")?;
    same(
        value(&bucket, "k").await?,
        None,
        "a stale swap brings no deleted key back",
    )
}

pub(crate) async fn a_swap_can_delete(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let version = set(&bucket, "k", "old").await?;
    let promise = "a swap at the version that was read can delete";
    let done = bucket
        .swap("k", Expected::At(version), Change::Delete)
        .await?;
    same(done, Swap::Done(None), promise)?;
    same(bucket.get("k").await?, None, promise)
}

pub(crate) async fn a_stale_swap_deletes_nothing(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let old = set(&bucket, "k", "old").await?;
    set(&bucket, "k", "newer").await?;
    for expected in [Expected::At(old), Expected::Absent] {
        let stale = bucket.swap("k", expected, Change::Delete).await?;
        is_stale(stale, "a deletion at another version is stale")?;
        let kept = value(&bucket, "k").await?;
        same(kept, Some("newer".into()), "a stale swap deletes nothing")?;
    }
    Ok(())
}

pub(crate) async fn deleting_what_is_absent_is_a_swap_too(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let done = bucket.swap("k", Expected::Absent, Change::Delete).await?;
    same(
        done,
        Swap::Done(None),
        "the expectation holds, and there is nothing to do",
    )?;
    same(
        bucket.exists("k").await?,
        false,
        "a deletion creates nothing",
    )
}

pub(crate) async fn a_stale_swap_leaves_the_version(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let old = set(&bucket, "k", "old").await?;
    let newer = set(&bucket, "k", "newer").await?;
    for expected in [Expected::At(old), Expected::Absent] {
        let stale = swap(&bucket, "k", expected, "mine").await?;
        is_stale(stale, "a swap at an outdated version is stale")?;
    }
    let done = swap(&bucket, "k", Expected::At(newer), "mine").await?;
    wrote(
        &done,
        "a stale swap leaves the version, so the right one still writes",
    )
    .map(drop)
}
