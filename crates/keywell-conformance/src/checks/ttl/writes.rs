use super::{AMPLE, LONG, SHORT, after_the_others, gone, stays};
use crate::failure::{Verdict, same};
use crate::scratch::{Scratch, set, set_for};

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
    for key in ["alone", "batch"] {
        set_for(&bucket, key, "v", SHORT).await?;
    }
    bucket.delete("alone").await?;
    bucket.delete_many(&["batch"]).await?;
    for key in ["alone", "batch"] {
        set(&bucket, key, "w").await?;
    }
    after_the_others(scratch, &bucket).await?;
    for key in ["alone", "batch"] {
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

pub(crate) async fn an_expired_counter_starts_anew(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set_for(&bucket, "n", "41", SHORT).await?;
    gone(scratch, &bucket, "n").await?;
    same(
        bucket.increment("n", 2).await?,
        2,
        "an expired counter starts anew",
    )?;
    after_the_others(scratch, &bucket).await?;
    stays(
        &bucket,
        "n",
        "2",
        "a counter that starts anew has no time to live",
    )
    .await
}
