//! The uptime.

use std::time::Duration;

#[cfg(target_os = "linux")]
const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
// Elsewhere it includes suspended time.
#[cfg(not(target_os = "linux"))]
const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

/// The time since some moment before this process asked for the first time, suspended time
/// included. Monotonic; it cannot be set.
pub fn uptime() -> Duration {
    let time = rustix::time::clock_gettime(CLOCK);
    // It is positive: it counts from the start of the machine.
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}
