//! The uptime.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The time since some moment before this process asked for the first time, suspended time
/// included. Monotonic; it cannot be set.
pub fn uptime() -> Duration {
    // Of the performance counter, which also counts while the machine sleeps.
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    // Never zero, as elsewhere.
    START.elapsed() + Duration::from_millis(1)
}
