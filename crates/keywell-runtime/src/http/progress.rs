use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How far a response is, for what ends it whatever its client does: the connection over HTTP/1, the
/// stream's task over HTTP/2. Neither is woken while a client reads nothing.
#[derive(Default)]
pub(super) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    /// The component whose guest writes the body, and when its time is up.
    guest: Option<(Arc<str>, Instant)>,
    /// Since when a piece of the body waits to be sent.
    waiting: Option<Instant>,
    is_ended: bool,
}

/// Why a response is ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The time of its guest is up.
    Late,
    /// The client does not read it.
    Unread,
}

// === impl Progress ===

impl Progress {
    /// A guest continues to write the body, until then at most.
    pub(super) fn runs(&self, component: Arc<str>, deadline: Instant) {
        self.0.lock().guest = Some((component, deadline));
    }

    /// No guest writes any more.
    pub(super) fn returned(&self) {
        self.0.lock().guest = None;
    }

    /// A piece of the body is to be sent.
    pub(super) fn waits(&self) {
        self.0.lock().waiting = Some(Instant::now());
    }

    /// All pieces up to now are sent, or have room in a buffer.
    pub(super) fn goes_on(&self) {
        self.0.lock().waiting = None;
    }

    /// The response is over, however it ended.
    pub(super) fn is_over(&self) {
        let mut state = self.0.lock();
        state.guest = None;
        state.waiting = None;
    }

    /// When the response has to be ended, where nothing changes until then.
    pub(super) fn due(&self, write_timeout: Duration) -> Option<(Instant, Why)> {
        let state = self.0.lock();
        let late = state.guest.as_ref().map(|guest| (guest.1, Why::Late));
        let unread = state
            .waiting
            .map(|since| (since + write_timeout, Why::Unread));
        match (late, unread) {
            (Some(late), Some(unread)) => Some(if late.0 <= unread.0 { late } else { unread }),
            (late, unread) => late.or(unread),
        }
    }

    /// Ends the response, and the guest with it.
    pub(super) fn end(&self, why: Why) {
        let mut state = self.0.lock();
        state.is_ended = true;
        if let Some((component, _)) = state.guest.take() {
            let component = &*component;
            match why {
                Why::Late => tracing::warn!(
                    component,
                    "took longer than it may to write its response, which its client did not read"
                ),
                Why::Unread => {
                    tracing::warn!(
                        component,
                        "was ended, as its client did not read the response"
                    );
                }
            }
        }
    }

    /// Whether the guest must not run on.
    pub(super) fn is_ended(&self) -> bool {
        self.0.lock().is_ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_of_the_deadline_and_the_write_timeout_ends_a_response() {
        const SECOND: Duration = Duration::from_secs(1);
        let progress = Progress::default();
        assert_eq!(progress.due(SECOND), None);
        let deadline = Instant::now() + SECOND * 60;
        progress.runs("it".into(), deadline);
        assert_eq!(progress.due(SECOND), Some((deadline, Why::Late)));
        progress.waits();
        assert_eq!(progress.due(SECOND).unwrap().1, Why::Unread);
        assert_eq!(progress.due(SECOND * 100).unwrap().1, Why::Late);
        progress.goes_on();
        assert_eq!(progress.due(SECOND), Some((deadline, Why::Late)));
        progress.returned();
        progress.waits();
        assert_eq!(progress.due(SECOND * 100).unwrap().1, Why::Unread);
        progress.is_over();
        assert_eq!(progress.due(SECOND), None);
        assert!(!progress.is_ended());
        progress.end(Why::Unread);
        assert!(progress.is_ended());
    }
}
