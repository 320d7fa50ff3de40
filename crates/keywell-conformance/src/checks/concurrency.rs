use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use keywell_store::{Change, Expected, Set, Swap};

use super::tasks::{TASKS, beside, together};
use crate::failure::{Failure, Verdict, holds, same};
use crate::scratch::{Handle, Scratch, set, value};

/// How often each task acts.
const ROUNDS: usize = 25;

fn put(value: impl Into<Bytes>) -> Change {
    Change::Set(value.into(), Set::default())
}

/// The number that a key holds.
async fn number(bucket: &Handle, key: &str) -> Result<u64, Failure> {
    let value = value(bucket, key).await?.unwrap_or_default();
    let number = std::str::from_utf8(&value)
        .ok()
        .and_then(|text| text.parse().ok());
    number.ok_or_else(|| Failure::new(format!("{value:?}"), "a number that was written"))
}

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
    same(twice, None, "each increment is answered a value of its own")?;
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

/// Lets many try the same swap, each with a value of its own, and judges that one is told it won
/// and is right.
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
        "the one that is told it won is the one that wrote",
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
        // So that somebody does come in between, however fast the store.
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

pub(crate) async fn a_reader_sees_whole_values(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let (writing, reading) = (bucket.clone(), bucket);
    let write = move |writer: usize, round: usize| {
        let bucket = writing.clone();
        let byte = b"abcd"[writer];
        async move {
            // Of a length that only this byte has, so that a mixture of two shows.
            let bytes = 5000 * (round % ROUNDS + 1) + writer;
            set(&bucket, "k", vec![byte; bytes]).await?;
            Ok(())
        }
        .boxed()
    };
    let read = move || {
        let bucket = reading.clone();
        async move {
            let Some(seen) = value(&bucket, "k").await? else {
                return Ok(());
            };
            let byte = b"abcd"[seen.len() % 5000];
            let is_whole = seen.iter().all(|other| *other == byte);
            holds(
                is_whole,
                seen,
                "a reader sees one value or another, never parts of two",
            )
        }
        .boxed()
    };
    beside(4, ROUNDS, write, read).await
}

/// What writers have been told is written, by writer.
type Acknowledged = Arc<[AtomicU64; 4]>;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Each writer counts its own key up, and says so once it is told that it is written.
fn count_up(
    bucket: Handle,
    told: Acknowledged,
) -> impl Fn(usize, usize) -> BoxFuture<'static, Verdict> {
    move |writer, round| {
        let (bucket, told) = (bucket.clone(), told.clone());
        async move {
            let n = round as u64 + 1;
            set(&bucket, NAMES[writer], n.to_string()).await?;
            told[writer].store(n, Ordering::SeqCst);
            Ok(())
        }
        .boxed()
    }
}

pub(crate) async fn what_was_acknowledged_every_later_read_sees(scratch: &Scratch<'_>) -> Verdict {
    let (bucket, other) = (scratch.bucket().await?, scratch.bucket().await?);
    let told = Acknowledged::default();
    let write = count_up(bucket, told.clone());
    let read = move || {
        let (bucket, told) = (other.clone(), told.clone());
        async move {
            for (name, told) in NAMES.iter().zip(&*told) {
                let least = told.load(Ordering::SeqCst);
                if least > 0 {
                    let seen = number(&bucket, name).await?;
                    let promise = "what was acknowledged is in every read that begins later";
                    holds(seen >= least, format!("{seen}, after {least}"), promise)?;
                }
            }
            Ok(())
        }
        .boxed()
    };
    beside(4, ROUNDS, write, read).await
}

pub(crate) async fn get_many_sees_what_was_acknowledged(scratch: &Scratch<'_>) -> Verdict {
    let (bucket, other) = (scratch.bucket().await?, scratch.bucket().await?);
    for name in NAMES {
        set(&bucket, name, "0").await?;
    }
    let told = Acknowledged::default();
    let write = count_up(bucket, told.clone());
    let read = move || {
        let (bucket, told) = (other.clone(), told.clone());
        async move {
            let least: Vec<u64> = told
                .iter()
                .map(|told| told.load(Ordering::SeqCst))
                .collect();
            let seen = bucket.get_many(&NAMES).await?;
            for (entry, least) in seen.into_iter().zip(least) {
                let value = entry.map(|entry| entry.value).unwrap_or_default();
                let seen: Option<u64> = std::str::from_utf8(&value)
                    .ok()
                    .and_then(|text| text.parse().ok());
                let promise = "get_many sees what was acknowledged before it was asked";
                holds(
                    seen >= Some(least),
                    format!("{seen:?}, after {least}"),
                    promise,
                )?;
            }
            Ok(())
        }
        .boxed()
    };
    beside(4, ROUNDS, write, read).await
}

pub(crate) async fn writers_of_different_keys_do_not_disturb_each_other(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    let writing = bucket.clone();
    together(TASKS, move |task| {
        let bucket = writing.clone();
        async move {
            let key = format!("k{task}");
            for n in 0..ROUNDS {
                let written = format!("{n} of {task}");
                set(&bucket, &key, &written).await?;
                let read = value(&bucket, &key).await?;
                let promise = "a key that one task writes reads as that task wrote it";
                same(read, Some(Bytes::from(written)), promise)?;
                if n % 5 == 4 {
                    bucket.delete(&key).await?;
                    same(bucket.exists(&key).await?, false, promise)?;
                }
            }
            set(&bucket, &key, &key).await?;
            Ok(())
        }
    })
    .await?;
    for task in 0..TASKS {
        let key = format!("k{task}");
        let left = value(&bucket, &key).await?;
        same(
            left,
            Some(Bytes::from(key)),
            "the last value of each task stays",
        )?;
    }
    Ok(())
}

pub(crate) async fn sets_and_deletions_leave_one_of_them(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let writing = bucket.clone();
    together(8, move |task| {
        let bucket = writing.clone();
        async move {
            for n in 0..ROUNDS {
                if task % 2 == 0 {
                    set(&bucket, "k", format!("{task}.{n}")).await?;
                } else {
                    bucket.delete("k").await?;
                }
                tokio::task::yield_now().await;
            }
            Ok(())
        }
    })
    .await?;
    let left = value(&bucket, "k").await?;
    same(
        bucket.exists("k").await?,
        left.is_some(),
        "a key is there or it is not",
    )?;
    // Of each writer the last value only, as all of them had ended.
    let last = format!(".{}", ROUNDS - 1);
    let is_last = left
        .as_ref()
        .is_none_or(|value| value.ends_with(last.as_bytes()));
    holds(
        is_last,
        &left,
        "what stays is the last value of a writer, or none",
    )
}

pub(crate) async fn a_bucket_opened_by_32_tasks_is_one(scratch: &Scratch<'_>) -> Verdict {
    let name = scratch.name("")?;
    let store = scratch.subject.store();
    let (opening, opened) = (store.clone(), name.clone());
    let handles = together(TASKS, move |task| {
        let (store, name) = (opening.clone(), opened.clone());
        async move {
            let bucket = store.open(&name).await?;
            let key = format!("k{task}");
            bucket.set(&key, "v".into(), Set::default()).await?;
            Ok(bucket)
        }
    })
    .await?;
    scratch.note("32 tasks open the bucket, and set a key each");
    // Known to the clean-up, which sees only what goes through a handle of its own.
    let bucket = scratch.bucket().await?;
    for task in 0..TASKS {
        let key = format!("k{task}");
        for handle in &handles {
            let there = handle.exists(&key).await?;
            same(there, true, "what one opened, all who opened it see")?;
        }
        set(&bucket, &key, "w").await?;
    }
    Ok(())
}
