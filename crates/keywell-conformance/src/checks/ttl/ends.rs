use std::time::{Duration, Instant};

use keywell_store::{Cas, Change, Expected, Invalid, Set};

use super::{AMPLE, LONG, SHORT, gone, stays};
use crate::failure::{Verdict, holds, invalid, same};
use crate::scratch::{Scratch, set, set_for};

/// By how much a key may expire early: stores count in milliseconds.
const SLACK: Duration = Duration::from_millis(5);

pub(crate) async fn a_key_is_gone_when_its_time_ends(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let begun = Instant::now();
    set_for(&bucket, "k", "v", SHORT * 3).await?;
    gone(scratch, &bucket, "k").await?;
    let lasted = begun.elapsed();
    holds(
        lasted + SLACK + bucket.capabilities().ttl_step >= SHORT * 3,
        lasted,
        "a key is not gone before its time ends",
    )?;
    same(
        bucket.get("k").await?,
        None,
        "a key is gone when its time ends",
    )
}

pub(crate) async fn a_key_is_there_until_its_time_ends(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let promise = "a key with a time to live is there until it ends";
    for ttl in [LONG, Duration::from_secs(30), Set::MAX_TTL] {
        let version = set_for(&bucket, "k", "v", ttl).await?;
        let read = bucket.get("k").await?;
        let read = read.map(|entry| (entry.value, entry.version));
        same(read, Some(("v".into(), version)), promise)?;
        same(bucket.exists("k").await?, true, promise)?;
    }
    Ok(())
}

pub(crate) async fn nothing_expires_that_was_not_asked_to(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let declared = bucket.capabilities();
    let promise = "a key without a time to live stays";
    set(&bucket, "set", "v").await?;
    bucket.set_many(vec![("batch", "v".into())]).await?;
    set_for(&bucket, "long", "v", LONG).await?;
    if declared.increment {
        bucket.increment("counter", 1).await?;
    }
    if declared.cas != Cas::None {
        let change = Change::Set("v".into(), Set::default());
        bucket.swap("created", Expected::Absent, change).await?;
    }
    // As long as a test can wait for something that must not happen.
    set_for(&bucket, "later", "v", AMPLE).await?;
    gone(scratch, &bucket, "later").await?;
    for key in ["set", "batch", "long"] {
        stays(&bucket, key, "v", promise).await?;
    }
    if declared.increment {
        stays(&bucket, "counter", "1", promise).await?;
    }
    if declared.cas != Cas::None {
        stays(&bucket, "created", "v", promise).await?;
    }
    Ok(())
}

pub(crate) async fn a_time_to_live_has_bounds(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "there", "old").await?;
    let out_of_bounds = [
        Duration::ZERO,
        Duration::from_micros(999),
        Set::MAX_TTL + Duration::from_secs(1),
        Duration::MAX,
    ];
    for ttl in out_of_bounds {
        let promise = "a time to live out of bounds is refused as that";
        for key in ["none", "there"] {
            let answered = set_for(&bucket, key, "new", ttl).await;
            invalid(answered, |blamed| *blamed == Invalid::Ttl, promise)?;
        }
        stays(&bucket, "there", "old", "a refused set writes nothing").await?;
        same(
            bucket.exists("none").await?,
            false,
            "a refused set writes nothing",
        )?;
    }
    Ok(())
}

pub(crate) async fn a_time_to_live_survives_a_restart(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "short", "v", SHORT * 5).await?;
    set_for(&bucket, "long", "v", LONG).await?;
    let bucket = scratch.restart().await?;
    gone(scratch, &bucket, "short").await?;
    stays(
        &bucket,
        "long",
        "v",
        "a key is there after a restart until its time ends",
    )
    .await
}
