//! What was counted of the calls of stores, at the end.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use keywell_app::BucketMetering;
use keywell_runtime::output::Format;
use keywell_store::layer::{ErrorKind, MethodCounts};
use keywell_store::{BucketName, terminal};

use super::output;

/// Whether the calls of stores are counted.
#[derive(Args, Clone)]
pub(super) struct MetricsArguments {
    /// Count the calls of stores, and print a table to standard error at the end: for each bucket
    /// and operation the calls, bytes, latencies, and errors by kind. With --log-json, each row is
    /// a line of the log.
    #[arg(long)]
    pub(super) metrics: bool,
}

/// Stands for all buckets without counts of their own.
const OTHERS: &str = "(all others)";

/// One row: an operation of a bucket.
struct Row<'a> {
    store: &'a str,
    /// None for the rest of the buckets together.
    bucket: Option<&'a str>,
    counts: &'a MethodCounts,
}

/// Writes what was counted, if anything was.
pub(super) fn report(metering: &[BucketMetering]) {
    let rows = metering.iter().flat_map(|one| {
        let bucket = one.bucket.as_ref().map(BucketName::as_str);
        let methods = one.metering.methods.iter();
        methods.map(move |counts| Row {
            store: &one.store,
            bucket,
            counts,
        })
    });
    match output::output().format() {
        Format::Json => rows.for_each(|row| row.log()),
        Format::Text => {
            let rows: Vec<_> = rows.map(|row| row.cells()).collect();
            if rows.is_empty() {
                return;
            }
            for line in table(&rows) {
                output::remark(&line);
            }
        }
    }
}

const HEAD: [&str; 9] = [
    "store",
    "bucket",
    "operation",
    "calls",
    "bytes",
    "p50",
    "p99",
    "max",
    "errors",
];

/// Aligns texts to the left, figures to the right.
fn table(rows: &[[String; HEAD.len()]]) -> Vec<String> {
    const TEXTS: [usize; 4] = [0, 1, 2, 8];
    let head = HEAD.map(str::to_owned);
    let all = || std::iter::once(&head).chain(rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..HEAD.len()).map(|at| width(at).unwrap_or(0)).collect();
    let line = |row: &[String; HEAD.len()]| {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if TEXTS.contains(&column) {
                write!(line, "{cell:<width$}  ")
            } else {
                write!(line, "{cell:>width$}  ")
            };
        }
        line.trim_end().to_owned()
    };
    all().map(line).collect()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

// === impl Row ===

impl Row<'_> {
    fn bucket(&self) -> &str {
        self.bucket.unwrap_or(OTHERS)
    }

    fn cells(&self) -> [String; HEAD.len()] {
        let counts = self.counts;
        let errors: Vec<_> = counts
            .errors
            .iter()
            .map(|(kind, count)| format!("{count} {}", kind.name()))
            .collect();
        let time = |time: Duration| format!("{time:.1?}");
        [
            terminal::escape(self.store).into_owned(),
            terminal::escape(self.bucket()).into_owned(),
            counts.method.name().to_owned(),
            counts.calls.to_string(),
            counts.bytes.to_string(),
            time(counts.latency.permille(500)),
            time(counts.latency.permille(990)),
            time(counts.latency.max()),
            if errors.is_empty() {
                "0".to_owned()
            } else {
                errors.join(", ")
            },
        ]
    }

    fn log(&self) {
        let counts = self.counts;
        let errors = |kind: ErrorKind| {
            let found = counts.errors.iter().find(|(one, _)| *one == kind);
            found.map(|(_, count)| *count)
        };
        tracing::info!(
            target: output::METRICS,
            store = self.store,
            bucket = self.bucket(),
            operation = counts.method.name(),
            calls = counts.calls,
            bytes = counts.bytes,
            p50_nanos = nanos(counts.latency.permille(500)),
            p99_nanos = nanos(counts.latency.permille(990)),
            max_nanos = nanos(counts.latency.max()),
            errors = counts.errors.iter().map(|(_, count)| count).sum::<u64>(),
            no_such_bucket = errors(ErrorKind::NoSuchBucket),
            access_denied = errors(ErrorKind::AccessDenied),
            invalid = errors(ErrorKind::Invalid),
            unsupported = errors(ErrorKind::Unsupported),
            unavailable = errors(ErrorKind::Unavailable),
            ambiguous = errors(ErrorKind::Ambiguous),
            corrupt = errors(ErrorKind::Corrupt),
            internal = errors(ErrorKind::Internal),
            "calls of a store"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_figures_end_together() {
        let row = |bucket: &str, calls: &str, errors: &str| {
            let cells = [
                "main", bucket, "get", calls, "0", "1ns", "1ns", "1ns", errors,
            ];
            cells.map(str::to_owned)
        };
        let rows = [row("b", "7", "0"), row("longer", "123456", "2 invalid")];
        let expected = [
            "store  bucket  operation   calls  bytes  p50  p99  max  errors",
            "main   b       get             7      0  1ns  1ns  1ns  0",
            "main   longer  get        123456      0  1ns  1ns  1ns  2 invalid",
        ];
        assert_eq!(table(&rows), expected);
    }
}
