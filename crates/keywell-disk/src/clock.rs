use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the store takes for the time of day, in milliseconds since 1970.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

// === impl Clock ===

impl Clock {
    /// The machine's clock. Before 1970 it stands still.
    pub(crate) fn system() -> Self {
        Self(Arc::new(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| {
                    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
                })
        }))
    }

    /// A clock that a test sets.
    #[cfg(test)]
    pub(crate) fn manual(millis: Arc<std::sync::atomic::AtomicU64>) -> Self {
        Self(Arc::new(move || {
            millis.load(std::sync::atomic::Ordering::SeqCst)
        }))
    }

    pub(crate) fn now(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
