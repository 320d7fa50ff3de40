use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use keywell_export::{Batch, Batches, Flaw};
use keywell_store::layer::Limits;
use keywell_store::{Batching, Error};
use tokio::sync::mpsc;

use super::progress::{Progress, counted, summarize};
use super::{Stop, Target};
use crate::cli::signal;

/// Set keys from JSON lines, as `keywell kv export` writes them.
///
/// Keys that are there already are overwritten, others are left alone. At a line that is wrong it
/// ends: what stands before it is imported, and nothing after it.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell kv import backup.jsonl\n  \
    zcat orders.jsonl.gz | keywell kv import --store disk:new\n\n\
    What it reads:\n  \
    {\"key\":\"greeting\",\"value\":\"hello\"}\n  \
    {\"key\":\"logo\",\"base64\":\"iVBORw0KGgo=\"}")]
pub(super) struct Import {
    /// The file to read, - for standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    input: PathBuf,
}

// === impl Import ===

impl Import {
    pub(super) async fn main(self, target: &Target) -> Result<ExitCode, Stop> {
        let stop = signal::stop()?;
        let (input, name) = self.open()?;
        // On a thread of its own: input from a terminal or a pipe lets wait for itself, and the
        // next lines are read while the last are written.
        let (sender, mut batches) = mpsc::channel(1);
        let reader = tokio::task::spawn_blocking(move || {
            for batch in Batches::new(input, Limits::default()) {
                if sender.blocking_send(batch).is_err() {
                    break;
                }
            }
        });
        let progress = Progress::new("imported");
        let mut imported = 0;
        let ended = run(target, &mut batches, &progress, stop, &mut imported).await;
        drop(progress);
        let imported_before = counted(imported);
        ended.map_err(|problem| {
            let problem = match problem {
                Problem::Flaw(flaw @ Flaw::Line { .. }) => {
                    format!("{name}, {flaw}; {imported_before} imported before it, nothing after")
                }
                Problem::Flaw(flaw) => {
                    format!("{name} {flaw}; {imported_before} imported before")
                }
                Problem::Interrupted => format!("interrupted; {imported_before} imported"),
                Problem::Store(error, unsure) => {
                    let bucket = &target.name;
                    let problem = format!("cannot import into bucket {bucket}: {error}");
                    let unsure = match unsure {
                        0 => String::new(),
                        keys => format!(", and perhaps some of the next {}", counted(keys)),
                    };
                    format!("{problem}; {imported_before} imported before{unsure}")
                }
            };
            Stop::failure(problem)
        })?;
        // It has nothing more to send, unless it panicked.
        reader
            .await
            .map_err(|error| Stop::failure(format!("cannot read {name}: {error}")))?;
        summarize("imported", imported);
        Ok(ExitCode::SUCCESS)
    }

    fn open(&self) -> Result<(Box<dyn BufRead + Send>, String), Stop> {
        if self.input == Path::new("-") {
            let input = Box::new(BufReader::new(io::stdin()));
            return Ok((input, "standard input".to_owned()));
        }
        let name = self.input.display().to_string();
        let file = File::open(&self.input)
            .map_err(|error| Stop::failure(format!("cannot read {name}: {error}")))?;
        Ok((Box::new(BufReader::with_capacity(1 << 16, file)), name))
    }
}

/// Why an import ends before its input does.
#[derive(Debug)]
enum Problem {
    Flaw(Flaw),
    Interrupted,
    /// The store failed, and of so many keys more it is not known whether they are written.
    Store(Error, u64),
}

/// Writes what comes, and counts in `imported` what is written for certain.
async fn run(
    target: &Target,
    batches: &mut mpsc::Receiver<Result<Batch, Flaw>>,
    progress: &Progress,
    stop: impl Future<Output = ()>,
    imported: &mut u64,
) -> Result<(), Problem> {
    let bucket = &target.bucket;
    let mut stop = pin!(stop);
    loop {
        let batch = tokio::select! {
            // First, for otherwise an input that is always ready could hide it.
            biased;
            () = &mut stop => return Err(Problem::Interrupted),
            batch = batches.recv() => batch,
        };
        let Some(batch) = batch else { return Ok(()) };
        let entries = batch.map_err(Problem::Flaw)?.entries;
        let keys = entries.len();
        let entries = entries.iter().map(|(key, value)| (&**key, value.clone()));
        let written = bucket.set_many(entries.collect()).await;
        written.map_err(|error| {
            let atomic = bucket.capabilities().batch == Batching::Atomic;
            let none = atomic && error.nothing_happened();
            Problem::Store(error, if none { 0 } else { keys as u64 })
        })?;
        *imported += keys as u64;
        progress.advance(keys);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Imports as from a file, without the thread that reads it.
    async fn import(
        target: &Target,
        input: &str,
        stop: impl Future<Output = ()>,
    ) -> (u64, Result<(), Problem>) {
        let (sender, mut receiver) = mpsc::channel(10);
        for batch in Batches::new(input.as_bytes(), Limits::default()) {
            sender.send(batch).await.unwrap();
        }
        drop(sender);
        let mut imported = 0;
        let progress = Progress::hidden();
        let ended = run(target, &mut receiver, &progress, stop, &mut imported).await;
        (imported, ended)
    }

    fn lines(keys: usize) -> String {
        let line = |n| format!("{{\"key\":\"k{n}\",\"value\":\"v\"}}\n");
        (0..keys).map(line).collect()
    }

    #[tokio::test]
    async fn what_stands_before_a_wrong_line_is_imported_and_nothing_after() {
        let target = Target::in_memory().await;
        let input = format!("{}x\n{{\"key\":\"z\",\"value\":\"v\"}}\n", lines(1500));
        let (imported, ended) = import(&target, &input, std::future::pending()).await;
        assert_eq!(imported, 1500);
        assert!(matches!(
            ended,
            Err(Problem::Flaw(Flaw::Line { line: 1501, .. }))
        ));
        assert!(target.bucket.exists("k1499").await.unwrap());
        assert!(!target.bucket.exists("z").await.unwrap());
    }

    #[tokio::test]
    async fn an_interrupted_import_writes_no_more() {
        let target = Target::in_memory().await;
        let (imported, ended) = import(&target, &lines(10), std::future::ready(())).await;
        assert_eq!(imported, 0);
        assert!(matches!(ended, Err(Problem::Interrupted)));
        assert!(!target.bucket.exists("k0").await.unwrap());
    }

    #[tokio::test]
    async fn what_a_store_refuses_as_a_whole_leaves_no_doubt() {
        let target = Target::in_memory_within(Limits {
            value_bytes: 0,
            ..Limits::default()
        });
        let target = target.await;
        let (imported, ended) = import(&target, &lines(3), std::future::pending()).await;
        assert_eq!(imported, 0);
        assert!(matches!(ended, Err(Problem::Store(_, 0))), "{ended:?}");
    }
}
