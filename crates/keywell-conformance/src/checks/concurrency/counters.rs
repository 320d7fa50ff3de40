use bytes::Bytes;
use keywell_store::{Expected, Swap};

use super::{ROUNDS, number, put};
use crate::checks::tasks::{TASKS, together};
use crate::failure::{Failure, Verdict, holds, same};
use crate::scratch::{Handle, Scratch, value};

pub(crate) async fn increments_from_32_tasks_are_all_counted(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let counting = bucket.clone();
    let answers = together(TASKS, move |_| {
        let bucket = counting.clone();
        async move {
            let mut answers = Vec::with_capacity(ROUNDS);
            for _ in 0..ROUNDS {
                answers.push(bucket.increment("n", 1).await?);
                tokio::task::yield_now().await;
            }
            Ok(answers)
        }
    })
    .await?;
    let rises = answers.iter().all(|answers| answers.is_sorted());
    holds(rises, rises, "a caller's increments are answered in order")?;
    let mut answers = answers.concat();
    answers.sort_unstable();
    let expected = i64::try_from(TASKS * ROUNDS).expect("it is small");
    let twice = answers.windows(2).find(|pair| pair[0] == pair[1]);
    same(twice, None, "each increment answers a value of its own")?;
    same(
        answers.last().copied(),
        Some(expected),
        "every increment is counted",
    )?;
    let left = value(&bucket, "n").await?;
    same(
        left,
        Some(Bytes::from(expected.to_string())),
        "every increment is counted once",
    )
}

pub(crate) async fn a_counter_kept_by_swaps_loses_no_step(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let counting = bucket.clone();
    together(8, move |_| {
        let bucket = counting.clone();
        async move {
            for _ in 0..ROUNDS {
                step(&bucket, "n", 1).await?;
            }
            Ok(())
        }
    })
    .await?;
    let left = number(&bucket, "n").await?;
    same(
        left,
        8 * ROUNDS as u64,
        "a counter kept by swaps loses no step",
    )
}

/// Adds by reading and swapping, until no one comes in between.
async fn step(bucket: &Handle, key: &str, by: u64) -> Result<(), Failure> {
    loop {
        let read = bucket.get(key).await?;
        // So that another task can write in between, however fast the store.
        tokio::task::yield_now().await;
        let text = read
            .as_ref()
            .map_or("0".into(), |entry| entry.value.clone());
        let old: Option<u64> = std::str::from_utf8(&text)
            .ok()
            .and_then(|text| text.parse().ok());
        let old = old.ok_or_else(|| Failure::new(format!("{text:?}"), "a number is read"))?;
        let change = put((old + by).to_string());
        let done = bucket
            .swap(key, Expected::from(read.as_ref()), change)
            .await?;
        if matches!(done, Swap::Done(_)) {
            return Ok(());
        }
    }
}

pub(crate) async fn swaps_and_increments_lose_none_of_each_other(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let counting = bucket.clone();
    together(8, move |task| {
        let bucket = counting.clone();
        async move {
            for _ in 0..ROUNDS {
                if task % 2 == 0 {
                    step(&bucket, "n", 1).await?;
                } else {
                    bucket.increment("n", 1000).await?;
                    tokio::task::yield_now().await;
                }
            }
            Ok(())
        }
    })
    .await?;
    let left = number(&bucket, "n").await?;
    let expected = 4 * ROUNDS as u64 * 1001;
    same(
        left,
        expected,
        "swaps and increments of one counter lose none of each other",
    )
}
