use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use bytes::Bytes;
use keywell_store::{Error, Filter, Invalid, Result};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::padded::Padded;

/// The limits of the history that each bucket keeps for watchers.
///
/// A bucket keeps none before it is first watched, and one that is
/// [reserved](keywell_store::reserved) only what its live watches need. A watcher that falls further behind, or resumes
/// from further back, ends with [`Invalid::Compacted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// The most events. At least the latest is kept.
    pub events: usize,
    /// The most bytes of keys and values. The latest event is kept whatever its size. Values that
    /// the bucket still holds are shared with it, and count in full.
    pub bytes: usize,
}

/// The sequence of a bucket's writes, and from the first watch on the writes themselves.
///
/// A write takes its sequence number while the stripe of its key is locked, so the numbers of one key
/// increase. A recorded write is numbered and appended in one step, so the records have consecutive
/// numbers, which need not be stored.
pub(crate) struct Log {
    sequence: Padded<AtomicU64>,
    history: History,
    recording: AtomicBool,
    begun: Once,
    records: Padded<Mutex<Records>>,
    sleepers: AtomicUsize,
    woken: Notify,
}

/// A write, as delivered to watchers.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) key: Arc<str>,
    pub(crate) kind: Kind,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Set(Bytes),
    Deleted,
    Expired,
}

/// The result of one read of the log.
pub(crate) struct Chunk {
    /// The matching records, with their numbers.
    pub(crate) records: Vec<(u64, Record)>,
    /// The number of the last record that was read.
    pub(crate) upto: u64,
}

struct Records {
    kept: VecDeque<Record>,
    bytes: usize,
    /// The number before that of the first kept record.
    trimmed: u64,
}

/// A reader that is about to wait for the next write.
pub(crate) struct Sleeper<'a>(&'a Log);

// === impl History ===

impl Default for History {
    /// 65,536 events and 64 MiB.
    fn default() -> Self {
        Self {
            events: 1 << 16,
            bytes: 64 << 20,
        }
    }
}

impl History {
    /// What a bucket without history keeps for its live watches.
    pub(crate) fn live(self) -> Self {
        Self {
            events: self.events.min(256),
            bytes: self.bytes.min(1 << 20),
        }
    }
}

// === impl Log ===

impl Log {
    /// The most records that one read scans while writers wait for it.
    const MOST_SCANNED: usize = 1024;

    /// The most records that one read returns, and the bytes of values after which it stops. A watcher
    /// keeps them in memory until they are delivered, whether or not the log has dropped them.
    const MOST_TAKEN: usize = 128;
    const MOST_BYTES: usize = 1 << 20;

    pub(crate) fn new(history: History) -> Self {
        Self {
            sequence: Padded::default(),
            history,
            recording: AtomicBool::new(false),
            begun: Once::new(),
            records: Padded(Mutex::new(Records {
                kept: VecDeque::new(),
                bytes: 0,
                trimmed: 0,
            })),
            sleepers: AtomicUsize::new(0),
            woken: Notify::new(),
        }
    }

    /// Numbers a write, and records it if the bucket was ever watched. The caller has locked the
    /// stripe of the key.
    pub(crate) fn append(&self, key: &Arc<str>, kind: impl FnOnce() -> Kind) -> u64 {
        // Relaxed, because the lock of the stripe orders it: see `begin`.
        if !self.recording.load(Ordering::Relaxed) {
            return self.next();
        }
        let record = Record {
            key: key.clone(),
            kind: kind(),
        };
        let mut records = self.records.lock();
        records.push(record, self.history);
        self.next()
    }

    /// Starts recording, once. `settle` waits for writes in progress.
    pub(crate) fn begin(&self, settle: impl FnOnce()) {
        self.begun.call_once(|| {
            self.recording.store(true, Ordering::Relaxed);
            // Every writer that locks a stripe after this records. Until then some do not, so the
            // records have gaps.
            settle();
            let mut records = self.records.lock();
            records.kept.clear();
            records.bytes = 0;
            records.trimmed = self.sequence.load(Ordering::Relaxed);
        });
    }

    /// The number of the last write. Recording must have begun.
    pub(crate) fn latest(&self) -> u64 {
        let _numbering = self.records.lock();
        self.sequence.load(Ordering::Relaxed)
    }

    /// The records after a number that match a filter, or `None` if nothing was written since.
    ///
    /// # Errors
    ///
    /// [`Invalid::Compacted`] if a write since then is no longer kept.
    pub(crate) fn read(&self, after: u64, filter: &Filter) -> Result<Option<Chunk>> {
        let records = self.records.lock();
        let skipped = after
            .checked_sub(records.trimmed)
            .ok_or(Error::Invalid(Invalid::Compacted))?;
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        if skipped >= records.kept.len() {
            return Ok(None);
        }
        let mut chunk = Chunk {
            records: Vec::new(),
            upto: after,
        };
        let mut bytes = 0;
        for record in records.kept.range(skipped..).take(Self::MOST_SCANNED) {
            if chunk.records.len() == Self::MOST_TAKEN || bytes >= Self::MOST_BYTES {
                break;
            }
            chunk.upto += 1;
            if filter.matches(&record.key) {
                bytes += record.bytes();
                chunk.records.push((chunk.upto, record.clone()));
            }
        }
        Ok(Some(chunk))
    }

    /// Whether everything after a number is kept.
    pub(crate) fn reaches(&self, after: u64) -> bool {
        after >= self.records.lock().trimmed
    }

    /// Registers a reader that is about to wait. It must read once more before it waits, so that it
    /// misses no [`Log::wake`].
    pub(crate) fn sleeper(&self) -> Sleeper<'_> {
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        Sleeper(self)
    }

    /// Wakes waiting readers. Call it after writes, without a lock held.
    ///
    /// A reader that read before a write was recorded had registered before it locked the log, and so
    /// before the writer did: it is counted here.
    pub(crate) fn wake(&self) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            self.woken.notify_waiters();
        }
    }

    #[cfg(test)]
    pub(crate) fn is_recording(&self) -> bool {
        self.recording.load(Ordering::SeqCst)
    }

    #[cfg(test)]
    pub(crate) fn sleepers(&self) -> usize {
        self.sleepers.load(Ordering::SeqCst)
    }

    fn next(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }
}

// === impl Records ===

impl Records {
    fn push(&mut self, record: Record, history: History) {
        self.bytes += record.bytes();
        self.kept.push_back(record);
        while self.kept.len() > 1
            && (self.kept.len() > history.events || self.bytes > history.bytes)
        {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.bytes();
                self.trimmed += 1;
            }
        }
    }
}

// === impl Record ===

impl Record {
    fn bytes(&self) -> usize {
        let value = match &self.kind {
            Kind::Set(value) => value.len(),
            Kind::Deleted | Kind::Expired => 0,
        };
        self.key.len() + value
    }
}

// === impl Sleeper ===

impl Sleeper<'_> {
    /// Completes at the first write after it was enabled.
    pub(crate) fn woken(&self) -> Notified<'_> {
        self.0.woken.notified()
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.0.sleepers.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(history: History) -> Log {
        let log = Log::new(history);
        log.begin(|| ());
        log
    }

    fn set(log: &Log, key: &str, bytes: usize) -> u64 {
        log.append(&key.into(), || Kind::Set(vec![0; bytes].into()))
    }

    fn numbers(log: &Log, after: u64) -> Option<Vec<u64>> {
        let chunk = log.read(after, &Filter::All).ok()?;
        let records = chunk.map_or(Vec::new(), |chunk| chunk.records);
        Some(records.into_iter().map(|(number, _)| number).collect())
    }

    #[test]
    fn writes_before_the_first_watch_are_not_history() {
        let log = Log::new(History::default());
        assert_eq!(set(&log, "a", 1), 1);
        assert_eq!(set(&log, "a", 1), 2);
        log.begin(|| ());
        assert_eq!(log.latest(), 2);
        assert!(!log.reaches(1));
        assert_eq!(set(&log, "a", 1), 3);
        assert_eq!(numbers(&log, 2).unwrap(), [3]);
        assert_eq!(numbers(&log, 1), None, "a record would be missing");
    }

    #[test]
    fn a_write_in_progress_when_recording_begins_is_not_history() {
        let log = Log::new(History::default());
        // A write that found no watch, and takes its number only now.
        log.begin(|| assert_eq!(log.next(), 1));
        assert!(!log.reaches(0));
        assert_eq!(set(&log, "a", 1), 2);
        assert_eq!(numbers(&log, log.latest() - 1).unwrap(), [2]);
    }

    #[test]
    fn the_oldest_records_are_dropped_first() {
        let log = begun(History {
            events: 3,
            bytes: usize::MAX,
        });
        for _ in 0..5 {
            set(&log, "a", 1);
        }
        assert_eq!(numbers(&log, 2).unwrap(), [3, 4, 5]);
        assert!(log.reaches(2) && !log.reaches(1));
    }

    #[test]
    fn the_latest_event_is_kept_whatever_its_size() {
        let log = begun(History {
            events: 100,
            bytes: 10,
        });
        set(&log, "a", 5);
        set(&log, "b", 1000);
        assert_eq!(numbers(&log, 1).unwrap(), [2]);
        set(&log, "c", 5);
        assert_eq!(numbers(&log, 2).unwrap(), [3]);
        assert_eq!(log.records.lock().bytes, 6);
    }

    #[test]
    fn one_read_returns_a_bounded_number_of_records() {
        let log = begun(History::default());
        for _ in 0..Log::MOST_SCANNED {
            set(&log, "a", 1);
        }
        let chunk = log.read(0, &Filter::All).unwrap().unwrap();
        assert_eq!(chunk.records.len(), Log::MOST_TAKEN);
        assert_eq!(chunk.upto, Log::MOST_TAKEN as u64);

        let large = log.latest();
        for _ in 0..4 {
            set(&log, "a", Log::MOST_BYTES / 2);
        }
        let chunk = log.read(large, &Filter::All).unwrap().unwrap();
        assert_eq!(chunk.records.len(), 2);

        set(&log, "b", 1);
        let chunk = log.read(0, &Filter::Key("b".into())).unwrap().unwrap();
        assert!(chunk.records.is_empty());
        assert_eq!(chunk.upto, Log::MOST_SCANNED as u64);
    }
}
