use std::time::Duration;

use crate::Done;

pub(super) const VALUE: &[u8; 23] = b"a value of 23 bytes len";
/// Keys written in one transaction where nothing is measured.
pub(super) const BATCH: u32 = 1000;
/// Keys on a page.
pub(super) const PAGE: usize = 1000;
/// What either holds of its file in memory, in bytes; the default of Keywell.
pub(super) const CACHE: usize = 64 << 20;

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
