use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// How many calls there were, and how many bytes they moved. To count a call is one atomic step.
///
/// Both counts of the last calls are in one word, and are moved from there when the word holds
/// [`Tally::MOVED`] calls. So no count is lost, and the lock is taken seldom.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Calls in the upper bits, bytes in the lower.
    recent: AtomicU64,
    moved: Mutex<Count>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) calls: u64,
    pub(super) bytes: u64,
}

// === impl Tally ===

impl Tally {
    /// After so many calls the word is emptied.
    pub(super) const MOVED: u64 = 64;

    const BYTE_BITS: u32 = 40;
    const ONE_CALL: u64 = 1 << Self::BYTE_BITS;
    const BYTES: u64 = Self::ONE_CALL - 1;

    /// The bits that no word has with fewer than [`Tally::MOVED`] calls and less than half of the
    /// bytes that it has space for.
    const FULL: u64 = !(Self::MOVED * Self::ONE_CALL - 1) | (Self::ONE_CALL >> 1);

    /// The most bytes that are added to the word. The word is emptied at half of the bytes that it has
    /// space for, and the other half is for what is added meanwhile.
    const MOST_RECENT: u64 = 1 << 20;

    /// Whether the next call is the first since the word was emptied, which one in
    /// [`Tally::MOVED`] is.
    #[inline]
    pub(super) fn is_first(&self) -> bool {
        self.recent.load(Ordering::Relaxed) < Self::ONE_CALL
    }

    /// Counts a call and its bytes.
    #[inline]
    pub(super) fn call(&self, bytes: usize) {
        self.add(Self::ONE_CALL, bytes as u64);
    }

    /// Counts bytes of a call that was counted.
    #[inline]
    pub(super) fn bytes(&self, bytes: usize) {
        if bytes > 0 {
            self.add(0, bytes as u64);
        }
    }

    #[inline]
    fn add(&self, calls: u64, bytes: u64) {
        if bytes > Self::MOST_RECENT {
            return self.add_many(calls, bytes);
        }
        let added = calls | bytes;
        let recent = self.recent.fetch_add(added, Ordering::Relaxed) + added;
        if recent & Self::FULL != 0 {
            self.read();
        }
    }

    /// Counts more bytes than are added to the word.
    #[cold]
    fn add_many(&self, calls: u64, bytes: u64) {
        self.moved.lock().bytes += bytes;
        self.add(calls, 0);
    }

    /// The counts by now. Empties the word.
    #[cold]
    pub(super) fn read(&self) -> Count {
        let mut moved = self.moved.lock();
        let recent = self.recent.swap(0, Ordering::Relaxed);
        moved.calls += recent >> Self::BYTE_BITS;
        moved.bytes += recent & Self::BYTES;
        *moved
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn no_count_is_lost_among_threads_and_however_large() {
        let tally = Tally::default();
        thread::scope(|scope| {
            for thread in 0..4 {
                let tally = &tally;
                scope.spawn(move || {
                    for call in 0..10_000 {
                        tally.call(if call % 100 == 0 { 2 << 20 } else { thread });
                        tally.bytes(1);
                    }
                });
            }
            let mut last = Count::default();
            for _ in 0..1000 {
                let count = tally.read();
                assert!(count.calls >= last.calls && count.bytes >= last.bytes);
                last = count;
            }
        });
        let expected = Count {
            calls: 40_000,
            bytes: 40_000 + 4 * 100 * (2 << 20) + 9_900 * (1 + 2 + 3),
        };
        assert_eq!(tally.read(), expected);
        assert_eq!(tally.read(), expected);
    }

    #[test]
    fn bytes_without_calls_do_not_overflow() {
        let tally = Tally::default();
        let many = 3 << 20;
        for _ in 0..many {
            tally.bytes(1 << 20);
        }
        assert_eq!(
            tally.read(),
            Count {
                calls: 0,
                bytes: many << 20
            }
        );
    }

    #[test]
    fn one_call_in_so_many_is_the_first() {
        let tally = Tally::default();
        let firsts = (0..Tally::MOVED * 10).filter(|_| {
            let is_first = tally.is_first();
            tally.call(1);
            is_first
        });
        assert_eq!(firsts.count(), 10);
    }
}
