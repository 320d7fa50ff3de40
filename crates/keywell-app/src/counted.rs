use std::time::Duration;

use keywell_control::CallsReport;
use keywell_store::layer::Meters;

/// What was counted of each operation of a store's buckets, as other processes see it.
pub(crate) fn calls(meters: &Meters) -> Vec<CallsReport> {
    let mut calls = Vec::new();
    for (_, bucket, metering) in meters.read() {
        let methods = metering.methods.into_iter();
        calls.extend(methods.map(|counts| {
            CallsReport {
                bucket: bucket.as_ref().map(ToString::to_string),
                operation: counts.method.name().to_owned(),
                calls: counts.calls,
                bytes: counts.bytes,
                p50_nanos: nanos(counts.latency.permille(500)),
                p99_nanos: nanos(counts.latency.permille(990)),
                max_nanos: nanos(counts.latency.max()),
                errors: counts
                    .errors
                    .into_iter()
                    .map(|(kind, count)| (kind.name().to_owned(), count))
                    .collect(),
            }
        }));
    }
    calls
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
