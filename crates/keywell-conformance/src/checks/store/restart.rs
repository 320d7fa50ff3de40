use std::collections::HashSet;

use bytes::Bytes;
use keywell_store::{Change, Expected, Set, Swap};

use crate::checks::strange;
use crate::failure::{Verdict, holds, same};
use crate::scratch::{Scratch, fill, set, value};

pub(crate) async fn what_was_written_survives_a_restart(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let keys = strange::all(&bucket);
    fill(&bucket, &keys).await?;
    set(&bucket, "deleted", "v").await?;
    bucket.delete("deleted").await?;
    set(&bucket, "replaced", "old").await?;
    set(&bucket, "replaced", "new").await?;
    let bucket = scratch.restart().await?;
    for key in keys {
        let kept = value(&bucket, key).await?;
        same(
            kept,
            Some(Bytes::from(key)),
            "what was written is there after a restart",
        )?;
    }
    let promise = "the last write of a key is what a restart keeps";
    same(
        value(&bucket, "replaced").await?,
        Some("new".into()),
        promise,
    )?;
    same(value(&bucket, "deleted").await?, None, promise)
}

pub(crate) async fn a_version_survives_a_restart(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let version = set(&bucket, "k", "v").await?;
    let bucket = scratch.restart().await?;
    let change = |text: &'static str| Change::Set(text.into(), Set::default());
    let at = Expected::At(version);
    let first = bucket.swap("k", at.clone(), change("w")).await?;
    holds(
        matches!(first, Swap::Done(Some(_))),
        &first,
        "a version still stands after a restart",
    )?;
    let second = bucket.swap("k", at, change("x")).await?;
    same(
        second,
        Swap::Stale,
        "a version no longer stands once something else is written",
    )
}

pub(crate) async fn no_version_is_used_again_after_a_restart(scratch: &Scratch<'_>) -> Verdict {
    let mut bucket = scratch.bucket().await?;
    let mut seen = HashSet::new();
    for _ in 0..3 {
        for _ in 0..3 {
            let version = set(&bucket, "k", "v").await?;
            let is_new = seen.insert(version.clone());
            holds(
                is_new,
                version,
                "a version from before a restart is not used again",
            )?;
        }
        bucket.delete("k").await?;
        bucket = scratch.restart().await?;
    }
    Ok(())
}
