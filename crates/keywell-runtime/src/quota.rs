use std::time::{Duration, Instant};

/// How many bytes of a stream of lines are passed on within a second.
#[derive(Default)]
pub(crate) struct Quota {
    since: Option<Instant>,
    used: usize,
    /// Lines past it, which were not reported yet.
    dropped: u64,
}

// === impl Quota ===

impl Quota {
    pub(crate) const BYTES: usize = 64 << 10;
    const PERIOD: Duration = Duration::from_secs(1);

    /// Whether another line is passed on; if not, it counts as dropped. The last one may be past the
    /// quota.
    pub(crate) fn admits(&mut self, now: Instant) -> bool {
        if self
            .since
            .is_none_or(|since| now.saturating_duration_since(since) >= Self::PERIOD)
        {
            self.since = Some(now);
            self.used = 0;
        }
        let admits = self.used < Self::BYTES;
        self.dropped += u64::from(!admits);
        admits
    }

    /// Counts the bytes of a line that was passed on.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.used += bytes;
    }

    /// How many lines were dropped since this was last asked.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_full_again_after_a_second() {
        let mut quota = Quota::default();
        let began = Instant::now();
        assert!(quota.admits(began));
        quota.used = Quota::BYTES;
        let soon = began + Duration::from_millis(999);
        assert!(!quota.admits(soon) && !quota.admits(soon));
        assert_eq!(quota.dropped, 2);
        assert!(quota.admits(began + Quota::PERIOD));
        assert_eq!(quota.used, 0);
    }
}
