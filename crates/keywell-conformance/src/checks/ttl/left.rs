//! What is left of a time to live, as a reading has it.

use std::time::{Duration, Instant};

use keywell_store::{Cas, Change, Entry, Expected, Expires, Set};

use super::{LONG, SHORT, gone};
use crate::failure::{Failure, Verdict, holds, same};
use crate::scratch::{Handle, Scratch, set, set_for};

/// By how much what is left may be off: stores count in milliseconds.
const SLACK: Duration = Duration::from_millis(5);

/// When a key expires, which must be there.
pub(super) async fn expires(bucket: &Handle, key: &str) -> Result<Expires, Failure> {
    let read = bucket.get_with_expiry(&[key], usize::MAX).await?;
    let entry = read.into_iter().next().flatten();
    let promise = format!("{key:?} is there until its time ends");
    Ok(entry.ok_or(Failure::new("None", promise))?.expires)
}

/// Checks what is left of a time to live that was given at a moment between two others.
pub(super) fn left(bucket: &Handle, answered: Expires, ttl: Duration, begun: Instant) -> Verdict {
    let step = bucket.capabilities().ttl_step;
    let Expires::In(left) = answered else {
        let promise = "a reading with expiry has what is left of a time to live";
        return Err(Failure::new(format!("{answered:?}"), promise));
    };
    holds(
        left < ttl + step,
        left,
        "no more is left of a time to live than was given",
    )?;
    holds(
        left + begun.elapsed() + SLACK + step >= ttl,
        left,
        "what is left of a time to live is what was given less what has passed",
    )
}

pub(crate) async fn a_reading_has_what_is_left_of_a_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let begun = Instant::now();
    let each = [
        ("hour", LONG),
        ("minute", Duration::from_mins(1)),
        ("odd", Duration::from_millis(98_765)),
        ("most", Set::MAX_TTL),
    ];
    for (key, ttl) in each {
        set_for(&bucket, key, "v", ttl).await?;
    }
    set(&bucket, "none", "v").await?;
    let asked = ["most", "none", "hour", "absent", "odd", "minute"];
    let read = bucket.get_with_expiry(&asked, usize::MAX).await?;
    same(read.len(), asked.len(), "each key is answered")?;
    for (key, entry) in asked.iter().zip(&read) {
        let answered = entry.as_ref().map(|entry| entry.expires);
        if let Some((_, ttl)) = each.iter().find(|(known, _)| known == key) {
            let promise = "a key is there until its time ends";
            let answered = answered.ok_or(Failure::new("None", promise))?;
            left(&bucket, answered, *ttl, begun)?;
        } else {
            let expected = (*key == "none").then_some(Expires::Never);
            let promise = "an entry without a time to live never expires";
            same(answered, expected, promise)?;
        }
    }
    Ok(())
}

pub(crate) async fn what_is_left_of_a_time_to_live_runs_down(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "k", "v", LONG).await?;
    let earliest = Instant::now();
    set_for(&bucket, "short", "v", SHORT * 3).await?;
    gone(scratch, &bucket, "short").await?;
    let passed = earliest.elapsed();
    let answered = expires(&bucket, "k").await?;
    let Expires::In(left) = answered else {
        let promise = "a reading with expiry has what is left of a time to live";
        return Err(Failure::new(format!("{answered:?}"), promise));
    };
    holds(
        left + passed <= LONG + SLACK + bucket.capabilities().ttl_step,
        left,
        "what is left of a time to live runs down",
    )
}

pub(crate) async fn a_write_decides_when_its_entry_expires(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let declared = bucket.capabilities();
    let keys = ["set", "batch", "deleted", "counted", "swapped", "given"];
    for key in keys {
        set_for(&bucket, key, "1", LONG).await?;
    }
    set(&bucket, "set", "v").await?;
    bucket.set_many(vec![("batch", "v".into())]).await?;
    bucket.delete("deleted").await?;
    set(&bucket, "deleted", "v").await?;
    let promise = "a write without a time to live makes an entry that never expires";
    for key in &keys[..3] {
        same(expires(&bucket, key).await?, Expires::Never, promise)?;
    }
    if declared.increment {
        // What is left is about an hour, less what this behaviour took.
        bucket.increment("counted", 1).await?;
        let answered = expires(&bucket, "counted").await?;
        let keeps = matches!(answered, Expires::In(left) if left <= LONG && left > LONG / 2);
        let promise = "an increment keeps the time to live that there is";
        holds(keeps, answered, promise)?;
    }
    if declared.cas != Cas::None {
        for (key, ttl) in [("swapped", None), ("given", Some(LONG * 2))] {
            let read: Option<Entry> = bucket.get(key).await?;
            let (begun, change) = (Instant::now(), Change::Set("v".into(), Set { ttl }));
            let expected = Expected::from(read.as_ref());
            bucket.swap(key, expected, change).await?;
            let answered = expires(&bucket, key).await?;
            match ttl {
                None => same(answered, Expires::Never, promise)?,
                Some(ttl) => left(&bucket, answered, ttl, begun)?,
            }
        }
    }
    Ok(())
}
