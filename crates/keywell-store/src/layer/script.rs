use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use parking_lot::Mutex;

use super::method::Method;
use crate::{Error, Result};

/// Faults that a test switches on and off, of the [`Faulty`](super::Faulty) buckets that follow it.
/// Clones are handles of one script.
///
/// ```
/// use keywell_store::Error;
/// use keywell_store::layer::{Faults, Faulty, Method, Script};
/// # use keywell_store::Bucket;
/// # async fn example(bucket: std::sync::Arc<dyn Bucket>) {
/// let script = Script::of(&[Method::Set]);
/// let faulty = Faulty::new(bucket, Faults::default()).following(&script);
/// script.fail(&Error::Unavailable("the disk is full".into()));
/// // ... until what is tested has tried three times.
/// script.until(|counts| counts.failed == 3).await;
/// script.mend();
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    methods: Arc<[Method]>,
    state: Arc<Mutex<State>>,
}

/// What the calls met that follow a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptCounts {
    /// Calls that failed as the script says, and never reached the bucket.
    pub failed: u64,
    /// Answers of the bucket that were held, or are.
    pub held: u64,
    /// Answers of the bucket that were passed on.
    pub answered: u64,
}

#[derive(Debug, Default)]
struct State {
    failing: Option<Failing>,
    is_holding: bool,
    counts: ScriptCounts,
    waiting: Vec<Waker>,
}

#[derive(Debug)]
struct Failing {
    calls: u64,
    error: Error,
}

// === impl Script ===

impl Script {
    /// A script for calls of these methods. It does nothing yet.
    pub fn of(methods: &[Method]) -> Self {
        Self {
            methods: methods.into(),
            state: Arc::default(),
        }
    }

    /// Fails every call with an error before it reaches the bucket, until it is
    /// [mended](Self::mend).
    pub fn fail(&self, error: &Error) {
        self.fail_next(u64::MAX, error);
    }

    /// Fails the next calls, so many of them, with an error before they reach the bucket.
    pub fn fail_next(&self, calls: u64, error: &Error) {
        let error = error.clone();
        self.change(|state| state.failing = (calls > 0).then_some(Failing { calls, error }));
    }

    /// Lets calls succeed again.
    pub fn mend(&self) {
        self.change(|state| state.failing = None);
    }

    /// Holds answers of the bucket until they are [released](Self::release). Calls still reach it.
    pub fn hold(&self) {
        self.change(|state| state.is_holding = true);
    }

    /// Passes on the answers that are held, and those to come.
    pub fn release(&self) {
        self.change(|state| state.is_holding = false);
    }

    /// What the calls met by now.
    pub fn counts(&self) -> ScriptCounts {
        self.state.lock().counts
    }

    /// Waits until the counts are as a test needs them.
    pub async fn until(&self, are_reached: impl Fn(&ScriptCounts) -> bool) {
        self.wait(|state| are_reached(&state.counts)).await;
    }

    pub(super) fn covers(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    /// Fails a call, if it is to fail.
    pub(super) fn begin(&self) -> Result<()> {
        self.change(|state| {
            let Some(failing) = &mut state.failing else {
                return Ok(());
            };
            failing.calls -= 1;
            let (calls, error) = (failing.calls, failing.error.clone());
            if calls == 0 {
                state.failing = None;
            }
            state.counts.failed += 1;
            Err(error)
        })
    }

    /// Waits where the answer of a call is held.
    pub(super) async fn end(&self) {
        let is_held = self.change(|state| {
            state.counts.held += u64::from(state.is_holding);
            state.is_holding
        });
        if is_held {
            self.wait(|state| !state.is_holding).await;
        }
        self.change(|state| state.counts.answered += 1);
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let changed = change(&mut state);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        changed
    }

    async fn wait(&self, is_over: impl Fn(&State) -> bool) {
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if is_over(&state) {
                return Poll::Ready(());
            }
            state.waiting.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn so_many_calls_fail_and_the_next_does_not() {
        let script = Script::of(&[Method::Get]);
        script.fail_next(2, &Error::Unavailable("away".into()));
        for _ in 0..2 {
            let failed = script.begin();
            assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
        }
        script.begin().unwrap();
        assert_eq!(script.counts().failed, 2);
        script.fail(&Error::Corrupt("torn".into()));
        for _ in 0..100 {
            script.begin().unwrap_err();
        }
        script.mend();
        script.begin().unwrap();
        assert!(script.covers(Method::Get) && !script.covers(Method::Set));
    }

    #[tokio::test]
    async fn answers_that_are_held_come_once_they_are_released() {
        let script = Script::of(&[Method::Get]);
        script.hold();
        let held = script.clone();
        let held = tokio::spawn(async move { held.end().await });
        script.until(|counts| counts.held == 1).await;
        assert_eq!(script.counts().answered, 0);
        assert!(
            script
                .until(|counts| counts.answered > 0)
                .now_or_never()
                .is_none()
        );
        script.release();
        held.await.unwrap();
        script.end().await;
        let expected = ScriptCounts {
            held: 1,
            answered: 2,
            ..ScriptCounts::default()
        };
        assert_eq!(script.counts(), expected);
    }
}
