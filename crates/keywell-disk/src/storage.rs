use std::io::{self, ErrorKind};
use std::ops::{Bound, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use redb::{BackendError, StorageBackend};

/// The least number of bytes that are written ahead.
const LEAST_AHEAD: u64 = 1024 * 1024;

/// The largest number of bytes that are written ahead.
const MOST_AHEAD: u64 = 16 * 1024 * 1024;

/// A backend that writes zeros ahead of first writes.
///
/// redb grows a file by leaving a hole at its end. The first write into a hole allocates space, and
/// the sync after it waits for the file system's journal: on ext4 it takes ten times as long as a
/// sync of overwritten blocks. So the hole is filled in strides, and few commits pay for it. Once the
/// disk was full, zeros would take the room of data, so no more are written.
#[derive(Debug)]
pub(crate) struct Storage {
    backend: Box<dyn StorageBackend>,
    /// The part of the file that has not been written since the file grew. The content at opening is
    /// never part of it.
    hole: Mutex<Range<u64>>,
    /// Whether the disk was full since the store was opened.
    was_full: Arc<AtomicBool>,
}

// === impl Storage ===

impl Storage {
    pub(crate) fn new(backend: Box<dyn StorageBackend>, was_full: Arc<AtomicBool>) -> Self {
        Self {
            backend,
            hole: Mutex::new(0..0),
            was_full,
        }
    }

    /// Writes zeros, so that later writes there are quick to sync. Whether they were written.
    pub(crate) fn write_ahead(&self, place: Range<u64>) -> bool {
        !self.was_full.load(Ordering::Acquire) && self.write_zeros(place).is_ok()
    }

    /// Records a write, and fills the hole up to a stride past it.
    fn fill(&self, written: Range<u64>) {
        let mut hole = self.hole.lock();
        if written.end <= hole.start || hole.end <= written.start {
            return;
        }
        let stride = (hole.start / 16).clamp(LEAST_AHEAD, MOST_AHEAD);
        let skipped = hole.start..written.start;
        let ahead = written.end..hole.end.min(written.end + stride);
        hole.start = ahead.end.max(written.end);
        // The lock is held while zeros are written, so that they never overwrite data. A failure to
        // write them only makes syncs slow: the write itself reports a full disk.
        let is_far = skipped.end > skipped.start + MOST_AHEAD;
        self.write_ahead(if is_far { 0..0 } else { skipped });
        self.write_ahead(ahead);
    }

    fn write_zeros(&self, mut place: Range<u64>) -> io::Result<()> {
        const ZEROS: &[u8] = &[0; 64 * 1024];
        while place.start < place.end {
            let bytes = usize::try_from(place.end - place.start).unwrap_or(ZEROS.len());
            let zeros = &ZEROS[..bytes.min(ZEROS.len())];
            self.backend.write(place.start, zeros)?;
            place.start += zeros.len() as u64;
        }
        Ok(())
    }
}

impl StorageBackend for Storage {
    fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let before = self.backend.len()?;
        self.backend.set_len(len)?;
        let mut hole = self.hole.lock();
        let is_at_end = !hole.is_empty() && hole.end == before;
        let start = if is_at_end { hole.start } else { before };
        *hole = start.min(len)..len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.backend.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.fill(offset..offset + data.len() as u64);
        let written = self.backend.write(offset, data);
        if let Err(error) = &written
            && error.kind() == ErrorKind::StorageFull
        {
            self.was_full.store(true, Ordering::Release);
        }
        written
    }

    fn close(&self) -> io::Result<()> {
        self.backend.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.backend.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};
    use redb::backends::InMemoryBackend;

    use super::*;

    fn used(bytes: usize) -> Storage {
        let backend = InMemoryBackend::new();
        backend.set_len(bytes as u64).unwrap();
        backend.write(0, &vec![0xff; bytes]).unwrap();
        Storage::new(Box::new(backend), Arc::default())
    }

    fn holes(storage: &Storage) -> Range<u64> {
        storage.hole.lock().clone()
    }

    #[test]
    fn what_was_written_stays_whatever_is_filled() {
        let seed = rand::random();
        let mut random = StdRng::seed_from_u64(seed);
        let mut model = vec![0xff; 100_000];
        let storage = used(model.len());
        for _ in 0..300 {
            if random.random_bool(0.2) {
                let len = random.random_range(1..8_000_000);
                storage.set_len(len as u64).unwrap();
                model.resize(len, 0);
            } else {
                let at = random.random_range(0..model.len());
                let len = random.random_range(0..(model.len() - at).min(50_000) + 1);
                let byte = random.random_range(1..=255);
                storage.write(at as u64, &vec![byte; len]).unwrap();
                model[at..at + len].fill(byte);
            }
            assert_eq!(storage.len().unwrap(), model.len() as u64, "seed {seed}");
        }
        let mut read = vec![0; model.len()];
        storage.read(0, &mut read).unwrap();
        assert!(read == model, "seed {seed}");
    }

    #[test]
    fn a_hole_is_filled_past_what_is_written() {
        let storage = used(4096);
        storage.set_len(10 * LEAST_AHEAD).unwrap();
        assert_eq!(holes(&storage), 4096..10 * LEAST_AHEAD);
        storage.write(0, &[1; 4096]).unwrap();
        assert_eq!(holes(&storage).start, 4096, "the write is outside the hole");
        storage.write(8192, &[1; 4096]).unwrap();
        assert_eq!(holes(&storage).start, 12288 + LEAST_AHEAD);
        storage.write(4096, &[1; 4096]).unwrap();
        assert_eq!(holes(&storage).start, 12288 + LEAST_AHEAD, "once is enough");
    }

    #[test]
    fn what_was_there_at_the_opening_is_never_filled() {
        let storage = used(100);
        storage.write(0, &[1; 50]).unwrap();
        storage.set_len(50).unwrap();
        storage.set_len(100).unwrap();
        assert_eq!(holes(&storage), 50..100);
    }
}
