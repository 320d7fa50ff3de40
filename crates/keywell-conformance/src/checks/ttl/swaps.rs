use std::time::Duration;

use keywell_store::{Change, Expected, Set, Swap};

use super::{AMPLE, SHORT, after_the_others, gone, stays};
use crate::failure::{Verdict, holds, same};
use crate::scratch::{Scratch, set, set_for};

fn put(value: &'static str, ttl: Option<Duration>) -> Change {
    Change::Set(value.into(), Set { ttl })
}

pub(crate) async fn a_swap_can_give_a_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let version = set(&bucket, "there", "v").await?;
    let promise = "a swap can give a time to live";
    let there = bucket
        .swap("there", Expected::At(version), put("w", Some(SHORT)))
        .await?;
    let none = bucket
        .swap("none", Expected::Absent, put("w", Some(SHORT)))
        .await?;
    for done in [there, none] {
        holds(matches!(done, Swap::Done(Some(_))), &done, promise)?;
    }
    gone(scratch, &bucket, "there").await?;
    gone(scratch, &bucket, "none").await
}

pub(crate) async fn a_swap_ends_an_earlier_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let version = set_for(&bucket, "k", "v", AMPLE).await?;
    let done = bucket
        .swap("k", Expected::At(version), put("w", None))
        .await?;
    let promise = "a swap without a time to live ends an earlier one";
    holds(matches!(done, Swap::Done(Some(_))), &done, promise)?;
    set_for(&bucket, "later", "v", AMPLE).await?;
    gone(scratch, &bucket, "later").await?;
    stays(&bucket, "k", "w", promise).await
}

pub(crate) async fn a_stale_swap_changes_no_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let promise = "a stale swap changes no time to live";
    set(&bucket, "forever", "v").await?;
    let stale = bucket
        .swap("forever", Expected::Absent, put("w", Some(SHORT)))
        .await?;
    same(stale, Swap::Stale, promise)?;
    set_for(&bucket, "short", "v", AMPLE).await?;
    let stale = bucket
        .swap("short", Expected::Absent, put("w", None))
        .await?;
    same(stale, Swap::Stale, promise)?;
    gone(scratch, &bucket, "short").await?;
    stays(&bucket, "forever", "v", promise).await
}

pub(crate) async fn an_expired_key_is_absent_for_a_swap(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let version = set_for(&bucket, "k", "v", SHORT).await?;
    gone(scratch, &bucket, "k").await?;
    let stale = bucket
        .swap("k", Expected::At(version), put("w", None))
        .await?;
    same(stale, Swap::Stale, "the version of an expired key is stale")?;
    let done = bucket.swap("k", Expected::Absent, put("w", None)).await?;
    let promise = "an expired key is absent for a swap";
    holds(matches!(done, Swap::Done(Some(_))), &done, promise)?;
    after_the_others(scratch, &bucket).await?;
    stays(&bucket, "k", "w", "a key created again has no time to live").await
}
