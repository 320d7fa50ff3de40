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
            // The length identifies the byte, so that a mixture of two values shows.
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

/// The last acknowledged number of each writer.
type Acknowledged = Arc<[AtomicU64; 4]>;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Each writer increases the number in its own key, and records each acknowledged write.
fn count_up(
    bucket: Handle,
    acknowledged: Acknowledged,
) -> impl Fn(usize, usize) -> BoxFuture<'static, Verdict> {
    move |writer, round| {
        let (bucket, acknowledged) = (bucket.clone(), acknowledged.clone());
        async move {
            let n = round as u64 + 1;
            set(&bucket, NAMES[writer], n.to_string()).await?;
            acknowledged[writer].store(n, Ordering::SeqCst);
            Ok(())
        }
        .boxed()
    }
}

pub(crate) async fn what_was_acknowledged_every_later_read_sees(scratch: &Scratch<'_>) -> Verdict {
    let (bucket, other) = (scratch.bucket().await?, scratch.bucket().await?);
    let acknowledged = Acknowledged::default();
    let write = count_up(bucket, acknowledged.clone());
    let read = move || {
        let (bucket, acknowledged) = (other.clone(), acknowledged.clone());
        async move {
            for (name, acknowledged) in NAMES.iter().zip(&*acknowledged) {
                let least = acknowledged.load(Ordering::SeqCst);
                if least > 0 {
                    let seen = number(&bucket, name).await?;
                    let promise = "every read that begins later sees an acknowledged write";
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
    let acknowledged = Acknowledged::default();
    let write = count_up(bucket, acknowledged.clone());
    let read = move || {
        let (bucket, acknowledged) = (other.clone(), acknowledged.clone());
        async move {
            let least: Vec<u64> = acknowledged
                .iter()
                .map(|acknowledged| acknowledged.load(Ordering::SeqCst))
                .collect();
            let seen = bucket.get_many(&NAMES).await?;
            for (entry, least) in seen.into_iter().zip(least) {
                let value = entry.map(|entry| entry.value).unwrap_or_default();
                let seen: Option<u64> = std::str::from_utf8(&value)
                    .ok()
                    .and_then(|text| text.parse().ok());
                let promise = "get_many sees writes that were acknowledged before the call";
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
