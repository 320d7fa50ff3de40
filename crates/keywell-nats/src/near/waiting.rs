use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Tasks that wait until a copy has what was stored at a sequence. Each is woken once the copy has it,
/// or has been abandoned, and not by each message before: with many writes in flight, every message
/// would wake the tasks of all.
#[derive(Default)]
pub(super) struct Waiting(Mutex<State>);

#[derive(Default)]
struct State {
    applied: u64,
    is_complete: bool,
    tasks: BTreeMap<u64, Vec<oneshot::Sender<bool>>>,
}

// === impl Waiting ===

impl Waiting {
    /// Waits until a complete copy has a sequence. Answers whether it has it.
    pub(super) async fn reach(&self, sequence: u64) -> bool {
        let reached = {
            let mut state = self.0.lock();
            if !state.is_complete || state.applied >= sequence {
                return state.is_complete;
            }
            let (reach, reached) = oneshot::channel();
            state.tasks.entry(sequence).or_default().push(reach);
            reached
        };
        reached.await.unwrap_or(false)
    }

    /// The copy has all up to this sequence.
    pub(super) fn advance(&self, applied: u64) {
        let mut state = self.0.lock();
        state.applied = applied;
        let later = state.tasks.split_off(&applied.saturating_add(1));
        let reached = std::mem::replace(&mut state.tasks, later);
        drop(state);
        wake(reached, true);
    }

    /// The copy may be read from now on.
    pub(super) fn complete(&self) {
        self.0.lock().is_complete = true;
    }

    /// The copy may not be read from now on.
    pub(super) fn abandon(&self) {
        let mut state = self.0.lock();
        state.is_complete = false;
        let all = std::mem::take(&mut state.tasks);
        drop(state);
        wake(all, false);
    }

    /// The copy is empty, and has another stream.
    pub(super) fn restart(&self) {
        self.abandon();
        self.0.lock().applied = 0;
    }
}

fn wake(tasks: BTreeMap<u64, Vec<oneshot::Sender<bool>>>, has_reached: bool) {
    for task in tasks.into_values().flatten() {
        // It fails where the task waits no longer.
        _ = task.send(has_reached);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_task_is_woken_when_its_sequence_is_reached_or_the_copy_abandoned() {
        let waiting = Waiting::default();
        assert_eq!(waiting.reach(0).now_or_never(), Some(false));
        waiting.complete();
        waiting.advance(4);
        assert_eq!(waiting.reach(4).now_or_never(), Some(true));
        let mut five = Box::pin(waiting.reach(5));
        let mut six = Box::pin(waiting.reach(6));
        assert_eq!((&mut five).now_or_never(), None);
        assert_eq!((&mut six).now_or_never(), None);
        waiting.advance(5);
        assert_eq!(five.now_or_never(), Some(true));
        assert_eq!((&mut six).now_or_never(), None);
        waiting.abandon();
        assert_eq!(six.now_or_never(), Some(false));
        assert_eq!(waiting.reach(5).now_or_never(), Some(false));
    }
}
