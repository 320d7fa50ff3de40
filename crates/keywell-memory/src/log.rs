use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use bytes::Bytes;
use keywell_store::{Error, Filter, Invalid, Result};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::padded::Padded;

/// How much of a bucket's past is kept for those who watch it.
///
/// A bucket keeps none before it is first watched. A watcher that falls further behind than this,
/// or resumes from further back, is told [`Invalid::Compacted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// The most events kept. At least the latest is.
    pub events: usize,
    /// The most bytes of keys and values kept, save that the latest event is kept whatever its
    /// size. Values that the bucket still holds are shared with it, and count in full.
    pub bytes: usize,
}

/// A bucket's sequence of writes, and from the first watch on the writes themselves.
///
/// Sequence numbers are taken with the lock of the key's stripe held, so those of one key grow. A
/// recorded write takes its number and its place in one step, so the records are those of
/// consecutive numbers, and the numbers need not be kept.
pub(crate) struct Log {
    sequence: Padded<AtomicU64>,
    history: History,
    recording: AtomicBool,
    begun: Once,
    records: Padded<Mutex<Records>>,
    sleepers: AtomicUsize,
    woken: Notify,
}

/// A write, as watchers are told of it.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) key: Arc<str>,
    pub(crate) change: Change,
}

#[derive(Clone)]
pub(crate) enum Change {
    Set(Bytes),
    Deleted,
    Expired,
}

/// What a reader of the log gets at a time.
pub(crate) struct Chunk {
    /// What matched, each with its number.
    pub(crate) records: Vec<(u64, Record)>,
    /// The number up to which all was looked at.
    pub(crate) upto: u64,
}

struct Records {
    kept: VecDeque<Record>,
    bytes: usize,
    /// The number before that of the first one kept.
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

// === impl Log ===

impl Log {
    /// The most records that a reader looks at while writers wait for it.
    const MOST_SCANNED: usize = 1024;

    /// The most records that a reader takes at a time, and the bytes of values past which it takes
    /// no more: they stay in memory until it has told them, trimmed or not.
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

    /// Numbers a write, and records it if somebody ever watched. The lock of the key's stripe is
    /// held.
    pub(crate) fn append(&self, key: &Arc<str>, change: impl FnOnce() -> Change) -> u64 {
        // Relaxed, as the stripe's lock orders it: see `begin`.
        if !self.recording.load(Ordering::Relaxed) {
            return self.next();
        }
        let record = Record {
            key: key.clone(),
            change: change(),
        };
        let mut records = self.records.lock();
        records.push(record, self.history);
        self.next()
    }

    /// Starts recording, once. `settle` waits for the writes that are under way.
    pub(crate) fn begin(&self, settle: impl FnOnce()) {
        self.begun.call_once(|| {
            self.recording.store(true, Ordering::Relaxed);
            // Whoever locks a stripe after this records. Until then some do and some do not, and
            // what they leave is not a history.
            settle();
            let mut records = self.records.lock();
            records.kept.clear();
            records.bytes = 0;
            records.trimmed = self.sequence.load(Ordering::Relaxed);
        });
    }

    /// The number of the last write; recording has begun.
    pub(crate) fn latest(&self) -> u64 {
        let _numbering = self.records.lock();
        self.sequence.load(Ordering::Relaxed)
    }

    /// What a filter lets through after a number, or `None` if nothing was written since.
    ///
    /// # Errors
    ///
    /// [`Invalid::Compacted`] if some of what was written since is no longer kept.
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

    /// Announces a reader, which then reads once more and only then waits, so that it misses no
    /// [`Log::wake`].
    pub(crate) fn sleeper(&self) -> Sleeper<'_> {
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        Sleeper(self)
    }

    /// Wakes the readers that wait; to be called after writes, with no lock held.
    ///
    /// A reader that read before the write was recorded had announced itself before it took the
    /// log's lock, and so before the writer did: it is seen here.
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
        let value = match &self.change {
            Change::Set(value) => value.len(),
            Change::Deleted | Change::Expired => 0,
        };
        self.key.len() + value
    }
}

// === impl Sleeper ===

impl Sleeper<'_> {
    /// Is ready when something is written after it was enabled.
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
        log.append(&key.into(), || Change::Set(vec![0; bytes].into()))
    }

    fn numbers(log: &Log, after: u64) -> Option<Vec<u64>> {
        let chunk = log.read(after, &Filter::All).ok()?;
        let records = chunk.map_or(Vec::new(), |chunk| chunk.records);
        Some(records.into_iter().map(|(number, _)| number).collect())
    }

    #[test]
    fn what_was_written_before_the_first_watch_is_not_history() {
        let log = Log::new(History::default());
        assert_eq!(set(&log, "a", 1), 1);
        assert_eq!(set(&log, "a", 1), 2);
        log.begin(|| ());
        assert_eq!(log.latest(), 2);
        assert!(!log.reaches(1));
        assert_eq!(set(&log, "a", 1), 3);
        assert_eq!(numbers(&log, 2).unwrap(), [3]);
        assert_eq!(numbers(&log, 1), None, "a part would be missing");
    }

    #[test]
    fn a_write_under_way_as_recording_begins_is_not_history() {
        let log = Log::new(History::default());
        // One that had found nobody watching, and takes its number only now.
        log.begin(|| assert_eq!(log.next(), 1));
        assert!(!log.reaches(0));
        assert_eq!(set(&log, "a", 1), 2);
        assert_eq!(numbers(&log, log.latest() - 1).unwrap(), [2]);
    }

    #[test]
    fn the_oldest_go_first_when_there_are_too_many() {
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
    fn a_reader_takes_a_bounded_part_at_a_time() {
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
