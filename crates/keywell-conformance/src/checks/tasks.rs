//! Concurrent callers.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::BoxFuture;
use tokio::task::JoinSet;

use crate::failure::{Failure, Verdict};

/// The number of callers that the promises name.
pub(super) const TASKS: usize = 32;

/// Runs one task for each number below `tasks`, and returns their results. The tasks are aborted if
/// the caller is dropped.
pub(super) async fn together<T, F>(
    tasks: usize,
    mut task: impl FnMut(usize) -> F,
) -> Result<Vec<T>, Failure>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let mut running: JoinSet<_> = (0..tasks).map(&mut task).collect();
    let mut answers = Vec::with_capacity(tasks);
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok(answer) => answers.push(answer?),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    Ok(answers)
}

/// How many readers there are beside writers.
const READERS: usize = 3;

/// How many reads the readers complete before the writers may stop.
const READS: usize = 300;

/// Runs writers, and readers beside them until the writers end. A writer writes at least `rounds`
/// times, and continues until the readers have completed [`READS`]: a fast store would otherwise
/// finish all writes before the first read.
pub(super) async fn beside<W, R>(writers: usize, rounds: usize, write: W, read: R) -> Verdict
where
    W: Fn(usize, usize) -> BoxFuture<'static, Verdict> + Send + Sync + 'static,
    R: Fn() -> BoxFuture<'static, Verdict> + Send + Sync + 'static,
{
    let (write, read) = (Arc::new(write), Arc::new(read));
    let (over, reads) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (seen, ended) = (reads.clone(), over.clone());
    let writing = async {
        let written = together(writers, |writer| {
            let (write, seen, ended) = (write.clone(), seen.clone(), ended.clone());
            async move {
                let mut round = 0;
                while round < rounds || seen.load(Ordering::Relaxed) < READS {
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                    write(writer, round).await?;
                    round += 1;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
        })
        .await;
        over.store(true, Ordering::Relaxed);
        written.map(drop)
    };
    let reading = async {
        let read = together(READERS, |_| {
            let (read, reads, over) = (read.clone(), reads.clone(), over.clone());
            async move {
                while !over.load(Ordering::Relaxed) {
                    read().await?;
                    reads.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
                Ok::<_, Failure>(())
            }
        })
        .await;
        // Stops the writers if a reader failed.
        over.store(true, Ordering::Relaxed);
        read.map(drop)
    };
    let (written, seen) = futures::join!(writing, reading);
    written.and(seen)
}
