use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::time::SystemTime;

use bytes::Bytes;
use clap::Args;
use keywell_export::{Batch, Batches, Entry, Flaw};
use keywell_store::layer::Limits;
use keywell_store::{Bucket, Error, Set};
use tokio::sync::mpsc;

use super::progress::{Progress, counted, summarize};
use super::writes::{set_all, set_each};
use super::{Stop, Target};
use crate::cli::signal;

/// Set keys from JSON lines, as `keywell kv export` writes them.
///
/// Keys that are there already are overwritten, others are left alone. At a line that is wrong it
/// ends: what stands before it is imported, and nothing after it.
///
/// A line may say when its key expires: `expiration` in seconds after 1970 began (UTC),
/// `expiration_ttl` in seconds from when it is imported. A key whose expiration is past is deleted,
/// as it would be by now if it had been imported before.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell kv import backup.jsonl\n  \
    zcat orders.jsonl.gz | keywell kv import --store disk:new\n\n\
    What it reads:\n  \
    {\"key\":\"greeting\",\"value\":\"hello\"}\n  \
    {\"key\":\"logo\",\"base64\":\"iVBORw0KGgo=\"}\n  \
    {\"key\":\"session/7\",\"value\":\"open\",\"expiration_ttl\":1800}\n  \
    {\"key\":\"offer\",\"value\":\"tea\",\"expiration\":1798761600}")]
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
        let mut done = Done::default();
        let ended = run(target, &mut batches, &progress, stop, &mut done).await;
        drop(progress);
        let imported_before = counted(done.imported);
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
        summarize("imported", done.imported);
        if done.expired > 0 {
            summarize("deleted as expired:", done.expired);
        }
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

/// How many keys were written for certain.
#[derive(Debug, Default, PartialEq, Eq)]
struct Done {
    imported: u64,
    /// Deleted, as their time was over.
    expired: u64,
}

/// Writes what comes, and counts what is done for certain.
async fn run(
    target: &Target,
    batches: &mut mpsc::Receiver<Result<Batch, Flaw>>,
    progress: &Progress,
    stop: impl Future<Output = ()>,
    done: &mut Done,
) -> Result<(), Problem> {
    let keeps_times = target.bucket.capabilities().ttl;
    let mut stop = pin!(stop);
    loop {
        let batch = tokio::select! {
            // First, for otherwise an input that is always ready could hide it.
            biased;
            () = &mut stop => return Err(Problem::Interrupted),
            batch = batches.recv() => batch,
        };
        let Some(batch) = batch else { return Ok(()) };
        let mut entries = batch.map_err(Problem::Flaw)?.entries;
        let mut flaw = None;
        if !keeps_times && let Some(at) = entries.iter().position(|entry| entry.expiry.is_some()) {
            flaw = Some(Flaw::Line {
                line: entries[at].line,
                column: None,
                problem: "it expires, and the store keeps no times to live".to_owned(),
            });
            entries.truncate(at);
        }
        let keys = entries.len();
        let expired = write(&*target.bucket, &entries).await?;
        done.imported += keys as u64 - expired;
        done.expired += expired;
        progress.advance(keys);
        if let Some(flaw) = flaw {
            return Err(Problem::Flaw(flaw));
        }
    }
}

/// Writes entries as if one after the other, and answers how many had expired.
async fn write(bucket: &dyn Bucket, entries: &[Entry]) -> Result<u64, Problem> {
    if entries.iter().all(|entry| entry.expiry.is_none()) {
        let mut unsure = entries.len();
        let written = set_all(bucket, entries.iter().map(value), &mut unsure).await;
        let written = written.map_err(|error| Problem::Store(error, unsure as u64));
        return written.map(|()| 0);
    }
    // Of a key given twice the last one stands; by itself, each can be written at any time.
    let mut last: HashMap<&str, &Entry> = HashMap::new();
    for entry in entries {
        last.insert(&entry.key, entry);
    }
    let now = SystemTime::now();
    let (mut plain, mut over, mut expiring) = (Vec::new(), Vec::new(), Vec::new());
    for entry in last.into_values() {
        match entry.expiry.map(|expiry| expiry.ttl(now)) {
            None => plain.push(value(entry)),
            Some(None) => over.push(&*entry.key),
            Some(ttl) => expiring.push((entry, Set { ttl })),
        }
    }
    let unsure = |error| Problem::Store(error, entries.len() as u64);
    let plain = plain.into_iter();
    set_all(bucket, plain, &mut 0).await.map_err(unsure)?;
    for over in over.chunks(bucket.capabilities().batch_keys.max(1)) {
        bucket.delete_many(over).await.map_err(unsure)?;
    }
    let sets = expiring.into_iter().map(|(entry, how)| {
        let (key, value) = value(entry);
        (key, value, how)
    });
    set_each(bucket, sets).await.map_err(unsure)?;
    let expired = entries.iter().filter(|entry| {
        let expiry = entry.expiry.map(|expiry| expiry.ttl(now));
        expiry == Some(None)
    });
    Ok(expired.count() as u64)
}

fn value(entry: &Entry) -> (&str, Bytes) {
    (&entry.key, entry.value.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::StreamExt as _;
    use keywell_store::{Answer, Capabilities, Event, Filter, Since, Version};

    use super::*;

    /// Imports as from a file, without the thread that reads it.
    async fn import(
        target: &Target,
        input: &str,
        stop: impl Future<Output = ()>,
    ) -> (Done, Result<(), Problem>) {
        let (sender, mut receiver) = mpsc::channel(10);
        for batch in Batches::new(input.as_bytes(), Limits::default()) {
            sender.send(batch).await.unwrap();
        }
        drop(sender);
        let mut done = Done::default();
        let progress = Progress::hidden();
        let ended = run(target, &mut receiver, &progress, stop, &mut done).await;
        (done, ended)
    }

    fn lines(keys: usize) -> String {
        let line = |n| format!("{{\"key\":\"k{n}\",\"value\":\"v\"}}\n");
        (0..keys).map(line).collect()
    }

    #[tokio::test]
    async fn what_stands_before_a_wrong_line_is_imported_and_nothing_after() {
        let target = Target::in_memory().await;
        let input = format!("{}x\n{{\"key\":\"z\",\"value\":\"v\"}}\n", lines(1500));
        let (done, ended) = import(&target, &input, std::future::pending()).await;
        assert_eq!(done.imported, 1500);
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
        let (done, ended) = import(&target, &lines(10), std::future::ready(())).await;
        assert_eq!(done.imported, 0);
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
        let (done, ended) = import(&target, &lines(3), std::future::pending()).await;
        assert_eq!(done.imported, 0);
        assert!(matches!(ended, Err(Problem::Store(_, 0))), "{ended:?}");
    }

    #[tokio::test]
    async fn a_key_whose_expiration_is_past_is_deleted_and_the_last_line_of_a_key_stands() {
        let target = Target::in_memory().await;
        target.set("old", b"there").await;
        let filter = Filter::Key("soon".to_owned());
        let mut soon = target.bucket.watch(filter, Since::Now).await.unwrap();
        let lines = [
            ("old", "\"expiration\":1"),
            ("plain-last", "\"expiration\":1"),
            ("plain-last", "\"expiration\":null"),
            ("past-last", "\"expiration_ttl\":60"),
            ("past-last", "\"expiration\":-5"),
            ("later", "\"expiration\":4000000000"),
            ("soon", "\"expiration_ttl\":1"),
        ];
        let lines =
            lines.map(|(key, expiry)| format!("{{\"key\":\"{key}\",\"value\":\"v\",{expiry}}}\n"));
        let (done, ended) = import(&target, &lines.concat(), std::future::pending()).await;
        ended.unwrap();
        let expected = Done {
            imported: 4,
            expired: 3,
        };
        assert_eq!(done, expected);
        let there = |key: &'static str| target.bucket.exists(key);
        assert!(!there("old").await.unwrap());
        assert!(there("plain-last").await.unwrap());
        assert!(!there("past-last").await.unwrap());
        assert!(there("later").await.unwrap());
        for expected in [false, true] {
            let event = soon.next().await.unwrap().unwrap();
            let is_gone = matches!(event, Event::Delete { expired: true, .. });
            assert_eq!(is_gone, expected);
        }
    }

    #[tokio::test]
    async fn a_store_without_times_to_live_refuses_a_line_that_expires() {
        struct Lasting(Arc<dyn Bucket>);
        impl Bucket for Lasting {
            fn capabilities(&self) -> Capabilities {
                Capabilities {
                    ttl: false,
                    ..self.0.capabilities()
                }
            }
            fn get_within(&self, key: &str, max: usize) -> Answer<Option<keywell_store::Entry>> {
                self.0.get_within(key, max)
            }
            fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
                self.0.set(key, value, how)
            }
            fn delete(&self, key: &str) -> Answer<()> {
                self.0.delete(key)
            }
        }
        let mut target = Target::in_memory().await;
        target.bucket = Arc::new(Lasting(target.bucket));
        let input =
            lines(2) + "{\"key\":\"x\",\"value\":\"v\",\"expiration_ttl\":60}\n" + &lines(1);
        let (done, ended) = import(&target, &input, std::future::pending()).await;
        assert_eq!(done.imported, 2);
        let Err(Problem::Flaw(flaw)) = ended else {
            panic!("{ended:?}");
        };
        let expected = "line 3: it expires, and the store keeps no times to live";
        assert_eq!(flaw.to_string(), expected);
        assert!(!target.bucket.exists("x").await.unwrap());
    }
}
