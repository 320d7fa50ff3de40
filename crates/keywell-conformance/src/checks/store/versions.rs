use std::collections::HashSet;

use keywell_store::{Change, Expected, Set};

use crate::failure::{Verdict, holds, same};
use crate::scratch::{Scratch, set};

pub(crate) async fn a_set_answers_the_version_that_get_reads(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for written in ["one", "two", "two"] {
        let answered = set(&bucket, "k", written).await?;
        let read = bucket.get("k").await?.map(|entry| entry.version);
        same(
            read,
            Some(answered),
            "get reads the version that set answered",
        )?;
    }
    Ok(())
}

pub(crate) async fn every_write_changes_the_version(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut seen = HashSet::new();
    for written in ["one", "two", "two", "one", "", ""] {
        let version = set(&bucket, "k", written).await?;
        let is_new = seen.insert(version.clone());
        holds(
            is_new,
            version,
            "every write of a key has a version of its own",
        )?;
    }
    bucket.set_many(vec![("k", "".into())]).await?;
    let version = bucket.get("k").await?.map(|entry| entry.version);
    let is_new = version
        .as_ref()
        .is_some_and(|version| !seen.contains(version));
    holds(
        is_new,
        version,
        "a write in a batch has a version of its own",
    )
}

pub(crate) async fn reading_changes_no_version(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let written = set(&bucket, "k", "v").await?;
    bucket.exists("k").await?;
    drop(bucket.get_many(&["k", "k", "none"]).await?);
    set(&bucket, "other", "v").await?;
    bucket.delete("other").await?;
    let read = bucket.get("k").await?.map(|entry| entry.version);
    same(
        read,
        Some(written),
        "only a write of the key itself changes its version",
    )
}

pub(crate) async fn a_version_is_never_used_again(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut seen = HashSet::new();
    for _ in 0..4 {
        for written in ["v", "v"] {
            let version = set(&bucket, "k", written).await?;
            let is_new = seen.insert(version.clone());
            holds(
                is_new,
                version,
                "a version is not used again after a delete",
            )?;
        }
        bucket.delete("k").await?;
    }
    let created = Change::Set("v".into(), Set::default());
    bucket.swap("k", Expected::Absent, created).await?;
    let version = bucket.get("k").await?.map(|entry| entry.version);
    let is_new = version
        .as_ref()
        .is_some_and(|version| !seen.contains(version));
    holds(
        is_new,
        version,
        "a key that a swap creates has a version of its own",
    )
}
