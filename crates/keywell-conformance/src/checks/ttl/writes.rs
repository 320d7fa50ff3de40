use std::time::Duration;

use bytes::Bytes;
use keywell_store::{Cas, Change, Error, Expected, Filter, Set, Since, Swap};

use super::{AMPLE, LONG, SHORT, after_the_others, await_expiration, gone, stays};
use crate::failure::{Verdict, same};
use crate::scratch::{Handle, Scratch, set, set_for};

pub(crate) async fn a_set_ends_an_earlier_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "k", "v", SHORT).await?;
    set(&bucket, "k", "w").await?;
    after_the_others(scratch, &bucket).await?;
    stays(
        &bucket,
        "k",
        "w",
        "a set without a time to live ends an earlier one",
    )
    .await
}

pub(crate) async fn a_set_replaces_an_earlier_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "longer", "v", SHORT).await?;
    set_for(&bucket, "longer", "w", LONG).await?;
    set_for(&bucket, "shorter", "v", LONG).await?;
    set_for(&bucket, "shorter", "w", SHORT).await?;
    after_the_others(scratch, &bucket).await?;
    stays(
        &bucket,
        "longer",
        "w",
        "a set with a longer time replaces a shorter one",
    )
    .await?;
    gone(scratch, &bucket, "shorter").await
}

pub(crate) async fn a_deletion_ends_a_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let keys = ["alone", "batch", "swapped"];
    for key in keys {
        set_for(&bucket, key, "v", SHORT).await?;
    }
    bucket.delete("alone").await?;
    bucket.delete_many(&["batch"]).await?;
    if bucket.capabilities().cas == Cas::None {
        bucket.delete("swapped").await?;
    } else {
        swap(&bucket, "swapped", &Change::Delete).await?;
    }
    for key in keys {
        set(&bucket, key, "w").await?;
    }
    after_the_others(scratch, &bucket).await?;
    for key in keys {
        stays(
            &bucket,
            key,
            "w",
            "a key that was deleted and set again stays",
        )
        .await?;
    }
    Ok(())
}

pub(crate) async fn a_batch_ends_earlier_times_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for key in ["a", "b"] {
        set_for(&bucket, key, "v", SHORT).await?;
    }
    bucket
        .set_many(vec![("a", "w".into()), ("b", "w".into())])
        .await?;
    after_the_others(scratch, &bucket).await?;
    for key in ["a", "b"] {
        stays(
            &bucket,
            key,
            "w",
            "a batch ends the times to live of what it sets",
        )
        .await?;
    }
    Ok(())
}

/// As [`a_set_ends_an_earlier_time_to_live`] and the others, for stores that sweep a list of
/// deadlines: once the last expiration is delivered, the sweep has passed all earlier ones.
pub(crate) async fn a_time_that_was_replaced_ends_nothing(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut keys = vec!["set", "longer", "batch", "deleted"];
    if bucket.capabilities().cas != Cas::None {
        keys.push("swapped");
    }
    for key in &keys {
        set_for(&bucket, key, "v", SHORT).await?;
    }
    set(&bucket, "set", "w").await?;
    set_for(&bucket, "longer", "w", LONG).await?;
    bucket.set_many(vec![("batch", "w".into())]).await?;
    bucket.delete("deleted").await?;
    set(&bucket, "deleted", "w").await?;
    if keys.contains(&"swapped") {
        let change = Change::Set("w".into(), Set::default());
        swap(&bucket, "swapped", &change).await?;
    }
    let later = Filter::Key("later".into());
    let mut watch = bucket.watch(later, Since::Now).await?;
    set_for(&bucket, "later", "v", SHORT + SHORT).await?;
    await_expiration(scratch, &mut watch, "later").await?;
    for key in keys {
        let promise = "a time to live that was replaced ends nothing";
        stays(&bucket, key, "w", promise).await?;
    }
    Ok(())
}

/// Swaps at the current version, and retries: the key may expire at any time.
async fn swap(bucket: &Handle, key: &str, change: &Change) -> Result<(), Error> {
    loop {
        let read = bucket.get(key).await?;
        let expected = Expected::from(read.as_ref());
        if bucket.swap(key, expected, change.clone()).await? != Swap::Stale {
            return Ok(());
        }
    }
}

pub(crate) async fn a_key_set_again_after_its_time_stays(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for key in ["alone", "batch"] {
        set_for(&bucket, key, "v", SHORT).await?;
    }
    for key in ["alone", "batch"] {
        gone(scratch, &bucket, key).await?;
    }
    set(&bucket, "alone", "w").await?;
    bucket.set_many(vec![("batch", "w".into())]).await?;
    after_the_others(scratch, &bucket).await?;
    for key in ["alone", "batch"] {
        let promise = "a key that is set again after its time has ended stays";
        stays(&bucket, key, "w", promise).await?;
    }
    Ok(())
}

pub(crate) async fn a_refused_write_changes_no_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let declared = bucket.capabilities();
    let large = Bytes::from(vec![0; declared.value_bytes + 1]);
    let promise = "a refused write changes no time to live";
    for (key, ttl) in [("short", AMPLE), ("long", LONG)] {
        let refused = set_for(&bucket, key, "no number", ttl).await?;
        let mut answers = Vec::new();
        if declared.increment {
            answers.push(bucket.increment(key, 1).await.map(drop));
        }
        let none = Some(Duration::ZERO);
        for (value, ttl) in [
            (large.clone(), None),
            (large.clone(), Some(SHORT)),
            ("w".into(), none),
        ] {
            let how = Set { ttl };
            answers.push(bucket.set(key, value.clone(), how).await.map(drop));
            if declared.cas != Cas::None {
                let change = Change::Set(value, how);
                let swapped = bucket.swap(key, Expected::At(refused.clone()), change);
                answers.push(swapped.await.map(drop));
            }
        }
        let accepted = answers.iter().position(Result::is_ok);
        same(accepted, None, "invalid writes are refused")?;
    }
    gone(scratch, &bucket, "short").await?;
    stays(&bucket, "long", "no number", promise).await
}

pub(crate) async fn an_increment_postpones_no_end(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "n", "41", SHORT + SHORT).await?;
    let promise = "the time of a counter ends, however often it is counted up";
    let starts_over = || async { Ok(bucket.increment("n", 1).await? == 1) };
    scratch.until(promise, starts_over).await
}

pub(crate) async fn an_increment_keeps_the_time_to_live(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "short", "1", AMPLE).await?;
    set_for(&bucket, "long", "1", LONG).await?;
    bucket.increment("short", 1).await?;
    bucket.increment("long", 1).await?;
    gone(scratch, &bucket, "short").await?;
    stays(
        &bucket,
        "long",
        "2",
        "an increment keeps the time to live that there is",
    )
    .await
}

pub(crate) async fn an_expired_counter_starts_over(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "n", "41", SHORT).await?;
    gone(scratch, &bucket, "n").await?;
    same(
        bucket.increment("n", 2).await?,
        2,
        "an expired counter starts over",
    )?;
    after_the_others(scratch, &bucket).await?;
    stays(
        &bucket,
        "n",
        "2",
        "a counter that starts over has no time to live",
    )
    .await
}
