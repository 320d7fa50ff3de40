//! The counts that [`Metered`](super::Metered) buckets keep.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::latency::{Latencies, Latency};
use super::method::{METHODS, Method};
use super::tally::Tally;
use crate::{BucketName, Error, Result};

/// The meters of buckets, by the name of the store and that of the bucket.
///
/// Guests choose the names of buckets, so the number of meters is bounded: past
/// [`Meters::MAX`], buckets of a store that have none yet share one.
#[derive(Debug, Default)]
pub struct Meters(Mutex<BTreeMap<Key, Arc<Meter>>>);

/// A store and a bucket, or all buckets that have no meter of their own.
type Key = (String, Option<BucketName>);

/// What is counted of one bucket. All counts only grow.
#[derive(Debug, Default)]
pub struct Meter([Counts; METHODS.len()]);

#[derive(Debug, Default)]
struct Counts {
    tally: Tally,
    errors: [AtomicU64; ErrorKind::ALL.len()],
    latencies: Latencies,
}

/// The kind of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the error of this name")]
pub enum ErrorKind {
    NoSuchBucket,
    AccessDenied,
    Invalid,
    Unsupported,
    Unavailable,
    Ambiguous,
    Corrupt,
    Internal,
}

/// The counts of a bucket at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metering {
    /// The methods that were called, in their order.
    pub methods: Vec<MethodCounts>,
}

/// The counts of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodCounts {
    /// The method.
    pub method: Method,
    /// How often it was called.
    pub calls: u64,
    /// How many answers were errors, by kind. Kinds without errors are left out.
    pub errors: Vec<(ErrorKind, u64)>,
    /// Of a method that reads, the bytes of values and listed keys that were read, or delivered by
    /// watches; of one that writes, the bytes of keys and values that were to be written.
    pub bytes: u64,
    /// How long answers took. One in 64 of those that came at once is timed, and counts as 64.
    pub latency: Latency,
}

// === impl Meters ===

impl Meters {
    /// The most buckets that have a meter of their own, of all stores.
    pub const MAX: usize = 1024;

    /// The meter of a bucket, under the name that the store has for its user.
    pub fn of(&self, store: &str, bucket: &BucketName) -> Arc<Meter> {
        let mut meters = self.0.lock();
        let mut key = (store.to_owned(), Some(bucket.clone()));
        if meters.len() >= Self::MAX && !meters.contains_key(&key) {
            key.1 = None;
        }
        meters.entry(key).or_default().clone()
    }

    /// All counts, by store and bucket. Without a bucket, those of all that have no meter of their
    /// own.
    pub fn read(&self) -> Vec<(String, Option<BucketName>, Metering)> {
        let meters = self.0.lock();
        meters
            .iter()
            .map(|((store, bucket), meter)| (store.clone(), bucket.clone(), meter.read()))
            .collect()
    }
}

// === impl Meter ===

impl Meter {
    /// The counts by now.
    pub fn read(&self) -> Metering {
        let each = METHODS.into_iter().zip(&self.0);
        let counts = each.map(|(method, counts)| {
            let count = counts.tally.read();
            let errors = ErrorKind::ALL.into_iter().zip(&counts.errors);
            let errors = errors.map(|(kind, count)| (kind, count.load(Ordering::Relaxed)));
            MethodCounts {
                method,
                calls: count.calls,
                errors: errors.filter(|(_, count)| *count > 0).collect(),
                bytes: count.bytes,
                latency: counts.latencies.read(),
            }
        });
        Metering {
            methods: counts.filter(|counts| counts.calls > 0).collect(),
        }
    }

    /// Whether the next call is timed, which one in [`Tally::MOVED`] is that is answered at once: to
    /// read the clock twice takes longer than to count.
    #[inline]
    pub(super) fn times_next(&self, method: Method) -> bool {
        self.counts(method).tally.is_first()
    }

    /// Counts a call that was answered at once. It began at this time, if it is timed.
    pub(super) fn end_at_once<T>(
        &self,
        method: Method,
        began: Option<Instant>,
        bytes: usize,
        result: &Result<T>,
    ) {
        self.call(method, bytes);
        if let Some(began) = began {
            let latencies = &self.counts(method).latencies;
            latencies.add(began.elapsed(), Tally::MOVED);
        }
        if let Err(error) = result {
            self.failed(method, error);
        }
    }

    /// Counts the answer of a call that was counted.
    pub(super) fn end<T>(&self, method: Method, began: Instant, bytes: usize, result: &Result<T>) {
        self.bytes(method, bytes);
        self.time(method, began);
        if let Err(error) = result {
            self.failed(method, error);
        }
    }

    /// Counts how long a call took.
    pub(super) fn time(&self, method: Method, began: Instant) {
        self.counts(method).latencies.add(began.elapsed(), 1);
    }

    #[inline]
    pub(super) fn call(&self, method: Method, bytes: usize) {
        self.counts(method).tally.call(bytes);
    }

    #[inline]
    pub(super) fn bytes(&self, method: Method, bytes: usize) {
        self.counts(method).tally.bytes(bytes);
    }

    #[cold]
    pub(super) fn failed(&self, method: Method, error: &Error) {
        let kind = ErrorKind::of(error);
        self.counts(method).errors[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn counts(&self, method: Method) -> &Counts {
        &self.0[method as usize]
    }
}

// === impl ErrorKind ===

impl ErrorKind {
    /// All kinds, in their order.
    pub const ALL: [Self; 8] = [
        Self::NoSuchBucket,
        Self::AccessDenied,
        Self::Invalid,
        Self::Unsupported,
        Self::Unavailable,
        Self::Ambiguous,
        Self::Corrupt,
        Self::Internal,
    ];

    /// The kind of an error.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::NoSuchBucket(_) => Self::NoSuchBucket,
            Error::AccessDenied(_) => Self::AccessDenied,
            Error::Invalid(_) => Self::Invalid,
            Error::Unsupported(_) => Self::Unsupported,
            Error::Unavailable(_) => Self::Unavailable,
            Error::Ambiguous(_) => Self::Ambiguous,
            Error::Corrupt(_) => Self::Corrupt,
            Error::Internal(_) => Self::Internal,
        }
    }

    /// Its name, as in `access-denied`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSuchBucket => "no-such-bucket",
            Self::AccessDenied => "access-denied",
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::Unavailable => "unavailable",
            Self::Ambiguous => "ambiguous",
            Self::Corrupt => "corrupt",
            Self::Internal => "internal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_place_of_its_own() {
        for (at, kind) in ErrorKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
    }

    #[test]
    fn buckets_past_the_bound_share_a_meter() {
        let meters = Meters::default();
        let name = |number: usize| BucketName::parse(&format!("b{number}")).unwrap();
        for number in 0..Meters::MAX + 10 {
            meters.of("s", &name(number)).call(Method::Get, 1);
        }
        meters.of("s", &name(0)).call(Method::Get, 1);
        let read = meters.read();
        assert_eq!(read.len(), Meters::MAX + 1);
        let calls = |bucket: Option<&BucketName>| {
            let found = read.iter().find(|(_, one, _)| one.as_ref() == bucket);
            found.map(|(_, _, metering)| metering.methods[0].calls)
        };
        assert_eq!(calls(None), Some(10));
        assert_eq!(calls(Some(&name(0))), Some(2));
        assert_eq!(calls(Some(&name(Meters::MAX))), None);
    }
}
