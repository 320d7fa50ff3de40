use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Counts what HTTP/2 holds of bodies and has not sent, by its age.
///
/// A client that gives a stream room for one byte has all of a piece held for it, and by then the
/// stream's task may have ended. So the connection looks once in a period whether there is a piece
/// from before the last look.
#[derive(Default)]
pub(super) struct Unsent(Mutex<State>);

#[derive(Default)]
struct State {
    /// Pieces by the period in which they were handed over; of three periods, in turn.
    counts: [usize; 3],
    period: usize,
    began: Option<Instant>,
}

// === impl Unsent ===

impl Unsent {
    /// Another piece is held. Answers what [`sent`](Self::sent) is to be given.
    pub(super) fn hold(&self) -> usize {
        let mut state = self.0.lock();
        if state.is_empty() {
            state.began = Some(Instant::now());
        }
        let period = state.period;
        state.counts[period] += 1;
        period
    }

    /// A piece is held no more.
    pub(super) fn sent(&self, period: usize) {
        self.0.lock().counts[period] -= 1;
    }

    /// Whether no piece is held.
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// When to look, where anything is held.
    pub(super) fn due(&self, write_timeout: Duration) -> Option<Instant> {
        let state = self.0.lock();
        let began = state.began.filter(|_| !state.is_empty());
        began.map(|began| began + write_timeout)
    }

    /// Whether a piece was held at the last look, too. A period begins.
    pub(super) fn is_stuck(&self) -> bool {
        let mut state = self.0.lock();
        let [before, next] = [2, 1].map(|further| (state.period + further) % 3);
        state.period = next;
        state.began = Some(Instant::now());
        state.counts[before] > 0
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.counts == [0; 3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_is_held_at_two_looks_is_stuck() {
        let unsent = Unsent::default();
        assert_eq!(unsent.due(Duration::ZERO), None);
        for _ in 0..5 {
            let piece = unsent.hold();
            assert!(unsent.due(Duration::ZERO).is_some());
            assert!(!unsent.is_stuck());
            let next = unsent.hold();
            unsent.sent(piece);
            assert!(!unsent.is_stuck());
            unsent.sent(next);
        }
        unsent.hold();
        assert!(!unsent.is_stuck());
        for _ in 0..3 {
            let piece = unsent.hold();
            unsent.sent(piece);
        }
        assert!(unsent.is_stuck());
    }
}
