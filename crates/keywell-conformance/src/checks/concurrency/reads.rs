use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{ROUNDS, number};
use crate::checks::tasks::beside;
use crate::failure::{Verdict, holds};
use crate::scratch::{Handle, Scratch, set, value};

pub(crate) async fn a_reader_sees_whole_values(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let step = (bucket.capabilities().value_bytes / (ROUNDS + 1)).min(5000);
    let (writing, reading) = (bucket.clone(), bucket);
    let write = move |writer: usize, round: usize| {
        let bucket = writing.clone();
        let byte = b"abcd"[writer];
        async move {
            // Of a length that only this byte has, so that a mixture of two shows.
            let bytes = step * (round % ROUNDS + 1) + writer;
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
            let byte = b"abcd"[seen.len() % step];
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
