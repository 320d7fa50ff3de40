//! The counts that [`Metered`](super::Metered) buckets keep.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::{BucketName, Error, Result};

/// The meters of all buckets, by the name of the store and that of the bucket.
#[derive(Debug, Default)]
pub struct Meters(Mutex<BTreeMap<(String, BucketName), Arc<Meter>>>);

/// What is counted of one bucket. All counts only grow.
#[derive(Debug, Default)]
pub struct Meter {
    methods: [Counts; METHODS.len()],
    errors: [AtomicU64; ErrorKind::ALL.len()],
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
}

/// A method of a bucket whose calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the method of this name")]
pub enum Method {
    Get,
    Exists,
    Set,
    Delete,
    Swap,
    Increment,
    GetMany,
    SetMany,
    DeleteMany,
    List,
    Watch,
    /// A check or a write of a transaction.
    Transact,
}

/// All methods, in their order.
pub const METHODS: [Method; 12] = [
    Method::Get,
    Method::Exists,
    Method::Set,
    Method::Delete,
    Method::Swap,
    Method::Increment,
    Method::GetMany,
    Method::SetMany,
    Method::DeleteMany,
    Method::List,
    Method::Watch,
    Method::Transact,
];

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
    /// How many answers were errors, by kind. Kinds without errors are left out.
    pub errors: Vec<(ErrorKind, u64)>,
    /// The bytes of values that were read, or delivered by watches.
    pub bytes_read: u64,
    /// The bytes of keys and values that were to be written.
    pub bytes_written: u64,
}

/// The counts of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodCounts {
    /// The method.
    pub method: Method,
    /// How often it was called.
    pub calls: u64,
    /// How long answers took. One in 64 of those that came at once is timed, and counts as 64.
    pub latency: Latency,
}

/// A histogram of times. Its buckets are powers of two: the first is below 128 ns, the last has
/// all from 34 s on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency([u64; Self::BUCKETS]);

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    latency: [AtomicU64; Latency::BUCKETS],
}

/// How many of the answers that come at once are timed: one in so many. To read the clock twice takes
/// longer than all else that is counted: with one in 64 a `get` in memory takes some 13 ns more.
const SAMPLED: u64 = 64;

/// A call that is under way.
pub(super) struct Call {
    method: Method,
    began: Option<Instant>,
}

// === impl Meters ===

impl Meters {
    /// The meter of a bucket, under the name that the store has for its user.
    pub fn of(&self, store: &str, bucket: &BucketName) -> Arc<Meter> {
        let mut meters = self.0.lock();
        let meter = meters.entry((store.to_owned(), bucket.clone()));
        meter.or_default().clone()
    }

    /// All counts, by store and bucket.
    pub fn read(&self) -> Vec<(String, BucketName, Metering)> {
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
        let each = METHODS.into_iter().zip(&self.methods);
        let counts = each.map(|(method, counts)| MethodCounts {
            method,
            calls: load(&counts.calls),
            latency: Latency(counts.latency.each_ref().map(load)),
        });
        let errors = ErrorKind::ALL.into_iter().zip(self.errors.iter().map(load));
        Metering {
            methods: counts.filter(|counts| counts.calls > 0).collect(),
            errors: errors.filter(|(_, count)| *count > 0).collect(),
            bytes_read: load(&self.bytes_read),
            bytes_written: load(&self.bytes_written),
        }
    }

    /// Counts a call, and answers how many there were before.
    #[inline]
    pub(super) fn count(&self, method: Method) -> u64 {
        let calls = &self.methods[method as usize].calls;
        calls.fetch_add(1, Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn begin(&self, method: Method) -> Call {
        let is_timed = self.count(method).is_multiple_of(SAMPLED);
        Call {
            method,
            began: is_timed.then(Instant::now),
        }
    }

    /// The call did not answer at once: it is timed in any case.
    #[inline]
    pub(super) fn end<T>(&self, call: &Call, result: &Result<T>, weight: u64) {
        if let Some(began) = call.began {
            let latency = &self.methods[call.method as usize].latency;
            latency[Latency::bucket(began.elapsed())].fetch_add(weight, Ordering::Relaxed);
        }
        if let Err(error) = result {
            self.failed(error);
        }
    }

    pub(super) fn failed(&self, error: &Error) {
        let kind = ErrorKind::of(error);
        self.errors[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn read_bytes(&self, bytes: usize) {
        add(&self.bytes_read, bytes);
    }

    #[inline]
    pub(super) fn wrote_bytes(&self, bytes: usize) {
        add(&self.bytes_written, bytes);
    }
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[inline]
fn add(count: &AtomicU64, bytes: usize) {
    if bytes > 0 {
        count.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

// === impl Call ===

impl Call {
    /// The answer does not come at once: the call is timed in any case.
    pub(super) fn waiting(self) -> Self {
        Self {
            began: Some(self.began.unwrap_or_else(Instant::now)),
            ..self
        }
    }

    /// What a call that is timed counts for, where the answer comes at once.
    pub(super) const AT_ONCE: u64 = SAMPLED;
    pub(super) const WAITED: u64 = 1;
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
}

// === impl Latency ===

impl Latency {
    const BUCKETS: usize = 30;

    /// Below this power of two of nanoseconds is the first bucket.
    const FIRST: u32 = 7;

    fn bucket(time: Duration) -> usize {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let power = (u64::BITS - nanos.leading_zeros()).saturating_sub(Self::FIRST);
        (power as usize).min(Self::BUCKETS - 1)
    }

    /// Each upper bound, without it, and how many times are below it and in no bucket before;
    /// `None` is the last bound.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        self.0.iter().enumerate().map(|(bucket, count)| {
            let bound = 1_u64 << (bucket + Self::FIRST as usize);
            let is_last = bucket + 1 == Self::BUCKETS;
            ((!is_last).then(|| Duration::from_nanos(bound)), *count)
        })
    }

    /// How many answers it stands for.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_bucket_below_its_bound() {
        let bounds: Vec<_> = Latency::default().buckets().collect();
        for nanos in [0, 127, 128, 1000, 1 << 20, 20_000_000_000, u64::MAX] {
            let time = Duration::from_nanos(nanos);
            let bucket = Latency::bucket(time);
            assert!(bounds[bucket].0.is_none_or(|bound| time < bound), "{nanos}");
            let before = bucket.checked_sub(1).and_then(|before| bounds[before].0);
            assert!(before.is_none_or(|bound| time >= bound), "{nanos}");
        }
        assert_eq!(Latency::bucket(Duration::from_secs(35)), 29);
    }

    #[test]
    fn each_method_and_each_kind_has_a_place_of_its_own() {
        for (at, method) in METHODS.into_iter().enumerate() {
            assert_eq!(method as usize, at);
        }
        for (at, kind) in ErrorKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
    }
}
