use bytes::Bytes;
use keywell_store::{Change, Expected, Swap};

use super::put;
use crate::checks::tasks::{TASKS, together};
use crate::failure::{Verdict, holds, same};
use crate::scratch::{Handle, Scratch, set, value};

/// Runs many concurrent swaps with one expectation, each with a value of its own, and checks that
/// one succeeds and its value stays.
async fn one_wins(bucket: &Handle, key: &'static str, expected: &Expected) -> Verdict {
    let (swapping, expected) = (bucket.clone(), expected.clone());
    let answers = together(TASKS, move |task| {
        let (bucket, expected) = (swapping.clone(), expected.clone());
        async move {
            let done = bucket
                .swap(key, expected, put(format!("of {task}")))
                .await?;
            Ok(matches!(done, Swap::Done(_)).then(|| Bytes::from(format!("of {task}"))))
        }
    })
    .await?;
    let winners: Vec<Bytes> = answers.into_iter().flatten().collect();
    holds(
        winners.len() == 1,
        &winners,
        "of many swaps with one expectation, one wins",
    )?;
    let left = value(bucket, key).await?;
    same(
        left.as_ref(),
        winners.first(),
        "the swap that succeeded is the one that wrote",
    )
}

pub(crate) async fn of_32_creators_one_wins(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for _ in 0..10 {
        one_wins(&bucket, "k", &Expected::Absent).await?;
        bucket.delete("k").await?;
    }
    Ok(())
}

pub(crate) async fn of_32_swaps_from_one_read_one_writes(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "first").await?;
    for _ in 0..10 {
        let read = bucket.get("k").await?;
        one_wins(&bucket, "k", &Expected::from(read.as_ref())).await?;
        // A round begins with a value that no round before it had.
        set(&bucket, "k", "again").await?;
    }
    Ok(())
}

pub(crate) async fn of_32_deleting_swaps_one_deletes(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for round in 0..10 {
        let version = set(&bucket, "k", round.to_string()).await?;
        let deleting = bucket.clone();
        let answers = together(TASKS, move |_| {
            let (bucket, version) = (deleting.clone(), version.clone());
            async move {
                let done = bucket
                    .swap("k", Expected::At(version), Change::Delete)
                    .await?;
                Ok(matches!(done, Swap::Done(_)))
            }
        })
        .await?;
        let winners = answers.into_iter().filter(|won| *won).count();
        same(
            winners,
            1,
            "of many swaps that delete what was read, one does",
        )?;
        same(
            bucket.exists("k").await?,
            false,
            "what a swap deleted is gone",
        )?;
    }
    Ok(())
}
