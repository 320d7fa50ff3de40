use std::io::{self, BufWriter, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use keywell_export::Line;
use keywell_store::List;

use super::progress::{Progress, summarize};
use super::{Sink, Stop, Target};
use crate::cli::draft::Draft;
use crate::cli::signal;

/// How many bytes of values are read at a time, unless one alone has more.
const BYTES_AT_ONCE: usize = 8 << 20;

/// Write keys and values as JSON lines, which `keywell kv import` reads.
///
/// A value that is no UTF-8 is written in base64 (RFC 4648, padded). A key that expires has
/// `expiration`, in seconds after 1970 began (UTC), rounded up: a copy expires when the original
/// does, up to a second later. A key that is there throughout is written once, with a value that it
/// had meanwhile.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell kv export -o backup.jsonl\n  \
    keywell kv export --prefix order/ | gzip > orders.jsonl.gz\n\n\
    What it writes:\n  \
    {\"key\":\"greeting\",\"value\":\"hello\"}\n  \
    {\"key\":\"logo\",\"base64\":\"iVBORw0KGgo=\"}\n  \
    {\"key\":\"offer\",\"value\":\"tea\",\"expiration\":1798761600}")]
pub(super) struct Export {
    /// Only keys that begin with this.
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    prefix: String,

    /// The file to write, - for standard output. It is put in place once it is whole.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

// === impl Export ===

impl Export {
    pub(super) async fn main(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let exported = if self.output == Path::new("-") {
            // Lines that scroll by are progress enough, and a bar would break into them.
            let progress = if io::stdout().is_terminal() {
                Progress::hidden()
            } else {
                Progress::new("exported")
            };
            let exported = self.run(target, out, &progress).await?;
            out.flush()?;
            exported
        } else {
            self.to_file(target).await?
        };
        summarize("exported", exported);
        Ok(ExitCode::SUCCESS)
    }

    async fn to_file(&self, target: &Target) -> Result<u64, Stop> {
        let path = self.output.display();
        let cannot = |error| Stop::failure(format!("cannot write {path}: {error}"));
        let stop = signal::stop()?;
        let draft = Draft::begin(&self.output).map_err(cannot)?;
        let mut out = Sink::new(BufWriter::new(draft.file()), path.to_string());
        let progress = Progress::new("exported");
        let exported = tokio::select! {
            exported = self.run(target, &mut out, &progress) => exported?,
            () = stop => {
                let problem = format!("interrupted; {path} is as it was before");
                return Err(Stop::failure(problem));
            }
        };
        out.flush()?;
        drop(out);
        draft.keep().map_err(cannot)?;
        Ok(exported)
    }

    async fn run(
        &self,
        target: &Target,
        out: &mut Sink<'_>,
        progress: &Progress,
    ) -> Result<u64, Stop> {
        let cannot = |error| {
            let name = &target.name;
            Stop::failure(format!("cannot export bucket {name}: {error}"))
        };
        let mut exported = 0;
        let mut request = List {
            prefix: self.prefix.clone(),
            values: Some(BYTES_AT_ONCE),
            ..List::default()
        };
        loop {
            let read = SystemTime::now();
            let page = target.bucket.list(request.clone()).await.map_err(cannot)?;
            for (key, entry) in page.keys.iter().zip(&page.entries) {
                let line = Line::new(key, &entry.value);
                out.json(&line.with_expiry(entry.expires, read))?;
            }
            exported += page.keys.len() as u64;
            progress.advance(page.keys.len());
            // A store that answers at once never waits, and an interruption must be seen.
            tokio::task::yield_now().await;
            if page.cursor.is_none() {
                return Ok(exported);
            }
            request.cursor = page.cursor;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keywell_export::Batches;
    use keywell_store::Set;
    use keywell_store::layer::Limits;

    use super::*;

    /// All lines of a bucket.
    async fn exported(target: &Target) -> Vec<u8> {
        let export = Export {
            prefix: String::new(),
            output: PathBuf::new(),
        };
        let mut text = Vec::new();
        let mut out = Sink::new(&mut text, "text");
        let exported = export.run(target, &mut out, &Progress::hidden()).await;
        let keys = exported.unwrap();
        drop(out);
        let lines = text.split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(lines as u64, keys);
        text
    }

    #[tokio::test]
    async fn an_import_reads_when_what_was_exported_expires() {
        let target = Target::in_memory().await;
        let ttl = Duration::from_millis(3_600_500);
        for (key, ttl) in [("hour", Some(ttl)), ("kept", None)] {
            let how = Set { ttl };
            target.bucket.set(key, "v".into(), how).await.unwrap();
        }
        let before = SystemTime::now();
        let text = exported(&target).await;
        let after = SystemTime::now();
        let mut batches = Batches::new(&text[..], Limits::default());
        let entries = batches.next().unwrap().unwrap().entries;
        assert_eq!(entries.len(), 2);
        assert_eq!((&*entries[1].key, entries[1].expiry), ("kept", None));
        let expiry = entries[0].expiry.unwrap();
        // Up to a second later than the original, which has lived for a while.
        let left = expiry.ttl(after).unwrap();
        assert!(left <= ttl + Duration::from_secs(1), "{left:?}");
        let left = expiry.ttl(before).unwrap();
        assert!(left + Duration::from_mins(1) >= ttl, "{left:?}");
    }

    #[tokio::test]
    async fn values_too_large_to_be_read_together_are_read_in_turn() {
        let target = Target::in_memory_within(Limits {
            value_bytes: 10,
            batch_bytes: 25,
            ..Limits::default()
        });
        let target = target.await;
        for n in 0..10 {
            target.set(&format!("{n}"), b"0123456789").await;
        }
        let text = exported(&target).await;
        let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
        assert_eq!(lines[9], b"{\"key\":\"9\",\"value\":\"0123456789\"}\n");
        assert_eq!(lines.len(), 10);
    }
}
