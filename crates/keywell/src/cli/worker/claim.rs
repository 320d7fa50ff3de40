use std::time::Duration;

use keywell_journal::{Claim, Time};

/// This process, which has a worker for one change alone.
pub(super) fn claim() -> Claim {
    Claim {
        holder: format!("process {} (keywell worker)", std::process::id()),
        now: Time::of_the_system(),
        lease: Duration::ZERO,
    }
}
