//! Measurements that end: each has a bound of time, and one that exceeds it says what it was doing.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::Done;
use crate::effort::Effort;

/// Runs measurements, each within a bound of time.
pub(crate) struct Bounded {
    /// `None` only while this is dropped.
    runtime: Option<Runtime>,
    limit: Duration,
    stage: Stage,
}

/// What a measurement is doing.
#[derive(Default)]
pub(crate) struct Stage(Mutex<String>);

// === impl Bounded ===

impl Bounded {
    pub(crate) fn new(effort: &Effort) -> Done<Self> {
        let seconds = if effort.is_worth_reading() { 90 } else { 10 };
        Self::within(Duration::from_secs(seconds))
    }

    fn within(limit: Duration) -> Done<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
            limit,
            stage: Stage::default(),
        })
    }

    /// Waits for a measurement, or for a part of it.
    pub(crate) fn run<T>(&self, work: impl AsyncFnOnce(&Stage) -> Done<T>) -> Done<T> {
        let runtime = self.runtime.as_ref().ok_or("it is being dropped")?;
        let bounded = async { timeout(self.limit, work(&self.stage)).await };
        let stage = || self.stage.0.lock().clone();
        match runtime.block_on(bounded) {
            Ok(done) => done.map_err(|error| format!("{}: {error}", stage()).into()),
            Err(_) => Err(format!("{}: not done after {:?}", stage(), self.limit).into()),
        }
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        // A task that hangs is not waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

// === impl Stage ===

impl Stage {
    pub(crate) fn enter(&self, what: impl Into<String>) {
        *self.0.lock() = what.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_end_is_ended_and_named() {
        let bounded = Bounded::within(Duration::from_millis(10)).unwrap();
        let hung: Done = bounded.run(async |stage| {
            stage.enter("first");
            stage.enter("second");
            std::future::pending().await
        });
        let error = hung.unwrap_err().to_string();
        assert!(error.starts_with("second: not done after"), "{error}");
        let failed: Done = bounded.run(async |_| Err("broken".into()));
        assert_eq!(failed.unwrap_err().to_string(), "second: broken");
    }
}
