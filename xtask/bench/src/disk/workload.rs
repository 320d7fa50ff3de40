use std::time::Duration;

use crate::Done;

pub(super) const VALUE: &[u8; 23] = b"a value of 23 bytes len";
/// Keys written in one transaction where nothing is measured.
pub(super) const BATCH: u32 = 1000;
/// Keys on a page.
pub(super) const PAGE: usize = 1000;
/// What either holds of its file in memory, in bytes; the default of Keywell.
pub(super) const CACHE: usize = 64 << 20;

/// What was written in a time.
#[derive(Clone, Copy)]
pub(super) struct Writes {
    pub(super) count: u64,
    pub(super) took: Duration,
}

// === impl Writes ===

impl Writes {
    pub(super) fn per_second(self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }

    pub(super) fn micros(self) -> f64 {
        1e6 / self.per_second()
    }
}

/// The bytes that this process has sent to disks, as the system counts them.
pub(super) fn bytes_to_disks() -> Done<u64> {
    let text = std::fs::read_to_string("/proc/self/io")?;
    let bytes = text
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(bytes
        .ok_or("the system does not count written bytes")?
        .parse()?)
}

pub(super) fn key(n: u32) -> String {
    format!("key-{n:08}")
}

/// A key somewhere among so many, another for each `n`.
pub(super) fn some_key(n: u32, keys: u32) -> String {
    // The odd multiplier of Fibonacci hashing scatters what follows in order.
    key(n.wrapping_mul(0x9e37_79b1) % keys)
}

/// The keys of one writer, few enough that they are written again and again.
pub(super) fn written_key(task: usize, n: u32) -> String {
    format!("task-{task}-{}", n % 100)
}

/// Asks as often as fits in so long, at least once, and answers the average time.
pub(super) fn average(about: Duration, mut ask: impl FnMut(u32) -> Done) -> Done<Duration> {
    let began = std::time::Instant::now();
    let mut asked = 0;
    loop {
        ask(asked)?;
        asked += 1;
        // The clock is read seldom, beside what is measured.
        if asked % 16 == 0 && began.elapsed() >= about {
            return Ok(began.elapsed() / asked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_is_over_what_was_asked() {
        let mut asked = 0;
        let average = average(Duration::ZERO, |n| {
            assert_eq!(n, asked);
            asked += 1;
            Ok(())
        });
        assert!(average.unwrap() < Duration::from_secs(1));
        assert_eq!(asked, 16);
    }
}
