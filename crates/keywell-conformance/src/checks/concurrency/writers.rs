use bytes::Bytes;
use keywell_store::Set;

use super::ROUNDS;
use crate::checks::tasks::{TASKS, together};
use crate::failure::{Verdict, holds, same};
use crate::scratch::{Scratch, set, value};

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
    // Only a last value can stay, because all writers have ended.
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
    // The clean-up knows only writes through a recorded handle.
    let bucket = scratch.bucket().await?;
    for task in 0..TASKS {
        let key = format!("k{task}");
        for handle in &handles {
            let there = handle.exists(&key).await?;
            same(there, true, "every handle sees the writes of all others")?;
        }
        set(&bucket, &key, "w").await?;
    }
    Ok(())
}
