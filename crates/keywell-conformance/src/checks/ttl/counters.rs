//! Increments that create their key with a time to live.

use std::time::{Duration, Instant};

use keywell_store::{Expires, Invalid, Set};

use super::left::{expires, left};
use super::{AMPLE, LONG, SHORT, gone, stays};
use crate::failure::{Verdict, holds, invalid, same};
use crate::scratch::{Handle, Scratch, set, set_for};

async fn increment(
    bucket: &Handle,
    key: &str,
    delta: i64,
    ttl: Duration,
) -> keywell_store::Result<i64> {
    let created = Set { ttl: Some(ttl) };
    bucket.increment_or_create(key, delta, created).await
}

pub(crate) async fn an_increment_gives_what_it_creates_its_time_to_live(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    let promise = "an increment of an absent key starts at the delta";
    let begun = Instant::now();
    for (key, delta) in [("long", 41), ("least", i64::MIN), ("most", i64::MAX)] {
        same(increment(&bucket, key, delta, LONG).await?, delta, promise)?;
        left(&bucket, expires(&bucket, key).await?, LONG, begun)?;
    }
    same(increment(&bucket, "short", -7, SHORT).await?, -7, promise)?;
    gone(scratch, &bucket, "short").await?;
    let promise = "a counter whose time has ended starts over, with a time to live";
    same(increment(&bucket, "short", 2, AMPLE).await?, 2, promise)?;
    left(&bucket, expires(&bucket, "short").await?, AMPLE, begun)?;
    bucket.delete("short").await?;
    same(increment(&bucket, "short", 3, LONG).await?, 3, promise)?;
    let promise = "a counter is its decimal text until its time ends";
    stays(&bucket, "long", "41", promise).await?;
    stays(&bucket, "least", "-9223372036854775808", promise).await
}

pub(crate) async fn an_increment_gives_what_is_there_no_time_to_live(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "kept", "9007199254740993").await?;
    let promise = "an increment answers the new value";
    let sum = increment(&bucket, "kept", 2, SHORT).await?;
    same(sum, 9_007_199_254_740_995, promise)?;
    let promise = "an increment gives a key that is there no time to live";
    same(expires(&bucket, "kept").await?, Expires::Never, promise)?;
    // The second one must not start the time over.
    same(increment(&bucket, "n", 1, LONG).await?, 1, promise)?;
    same(increment(&bucket, "n", 1, LONG * 3).await?, 2, promise)?;
    let answered = expires(&bucket, "n").await?;
    let keeps = matches!(answered, Expires::In(left) if left <= LONG);
    let promise = "an increment keeps the time to live that there is";
    holds(keeps, answered, promise)?;
    set_for(&bucket, "brief", "1", SHORT).await?;
    let starts_over = || async { Ok(increment(&bucket, "brief", 1, LONG).await? == 1) };
    let promise = "the time of a counter ends, however often it is counted up";
    scratch.until(promise, starts_over).await?;
    set(&bucket, "text", "no number").await?;
    let promise = "what is no number is not counted on, whatever the time to live";
    let refused = increment(&bucket, "text", 1, LONG).await;
    invalid(refused, |blamed| *blamed == Invalid::NotANumber, promise)?;
    same(expires(&bucket, "text").await?, Expires::Never, promise)
}

pub(crate) async fn an_increment_for_a_time_out_of_bounds_is_refused(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "there", "41").await?;
    let past = Set::MAX_TTL + Duration::from_secs(1);
    for ttl in [Duration::ZERO, Duration::from_micros(999), past] {
        let promise = "a time to live out of bounds is refused as that";
        for key in ["none", "there"] {
            let answered = increment(&bucket, key, 1, ttl).await;
            invalid(answered, |blamed| *blamed == Invalid::Ttl, promise)?;
        }
        let promise = "a refused increment changes nothing";
        stays(&bucket, "there", "41", promise).await?;
        same(bucket.exists("none").await?, false, promise)?;
    }
    Ok(())
}
