//! Triggers that run together: one that fails stops the others, as being asked to does, so that a
//! supervisor restarts the whole process rather than missing a part of it. One that fails while it is
//! asked to stop alone stops no other.

use std::collections::HashMap;

use keywell_runtime::Error;
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};

use crate::TriggerError;
use crate::event::Event;
use crate::status::TriggerState;
use crate::stop::{Stop, Stopper};

/// What a trigger ends with: a command's exit code, if it is one.
type Ended = Result<Option<u8>, Error>;

/// Triggers that run. Dropping it ends them at once.
#[derive(Default)]
pub(crate) struct Running {
    stopper: Stopper,
    tasks: JoinSet<Ended>,
    components: HashMap<Id, String>,
}

/// A trigger that runs, or has ended.
#[derive(Clone)]
pub(crate) struct Task {
    stopper: Stopper,
    state: watch::Receiver<TriggerState>,
}

/// Stops all triggers where one fails or panics.
struct Alarm {
    all: Stopper,
    own: Stopper,
    state: watch::Sender<TriggerState>,
}

// === impl Running ===

impl Running {
    /// Runs a trigger that calls a component.
    pub(crate) fn spawn<F>(&mut self, component: &str, run: impl FnOnce(Stop) -> F) -> Task
    where
        F: Future<Output = Ended> + Send + 'static,
    {
        let stopper = Stopper::default();
        let (sender, state) = watch::channel(TriggerState::Running);
        let alarm = Alarm {
            all: self.stopper.clone(),
            own: stopper.clone(),
            state: sender,
        };
        let run = run(stopper.stop_or(&self.stopper));
        let task = self.tasks.spawn(async move {
            let ended = run.await;
            alarm.end(match &ended {
                Ok(_) => TriggerState::Ended,
                Err(error) => TriggerState::Failed(error.to_string()),
            });
            ended
        });
        self.components.insert(task.id(), component.to_owned());
        Task { stopper, state }
    }

    /// Asks all of them to stop.
    pub(crate) fn ask_to_stop(&self) {
        self.stopper.ask();
    }

    /// What asks all of them to stop.
    pub(crate) fn stopper(&self) -> &Stopper {
        &self.stopper
    }

    /// Whether all of them were asked to stop, or one has failed.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopper.has_asked()
    }

    /// What happens next; none once all have ended. Nothing is lost where this is dropped.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            let ended = self.tasks.join_next_with_id().await?;
            let id = match &ended {
                Ok((id, _)) => *id,
                Err(error) => error.id(),
            };
            let component = self.components.remove(&id).unwrap_or_default();
            let problem = match ended {
                Ok((_, Ok(None))) => continue,
                Ok((_, Ok(Some(code)))) => return Some(Event::Exited { component, code }),
                Ok((_, Err(error))) => error.into(),
                Err(error) => TriggerError::Panicked(error.to_string()),
            };
            return Some(Event::Failed { component, problem });
        }
    }
}

// === impl Task ===

impl Task {
    pub(crate) fn state(&self) -> TriggerState {
        self.state.borrow().clone()
    }

    /// Asks this trigger to stop, and no other.
    pub(crate) fn ask_to_stop(&self) {
        self.stopper.ask();
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&self) {
        let mut state = self.state.clone();
        // A dropped sender means that it has ended, too.
        drop(
            state
                .wait_for(|state| *state != TriggerState::Running)
                .await,
        );
    }
}

// === impl Alarm ===

impl Alarm {
    /// Takes note how the trigger ended. The first counts.
    fn end(&self, ended: TriggerState) {
        if *self.state.borrow() != TriggerState::Running {
            return;
        }
        let has_failed = ended != TriggerState::Ended;
        self.state.send_replace(ended);
        if has_failed && !self.own.has_asked() {
            self.all.ask();
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.end(TriggerState::Failed("it panicked".to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// How a trigger ends.
    #[derive(Clone, Copy)]
    enum Ends {
        WhenAsked,
        Exiting,
        Failing,
        Panicking,
    }

    /// Runs triggers that end so, and answers whether they ended well, and how many were asked to stop.
    async fn run(all: &[Ends], stop: impl Future<Output = ()>) -> (bool, usize) {
        let asked = Arc::new(AtomicUsize::new(0));
        let mut running = Running::default();
        let mut endings = Vec::new();
        for ends in all {
            let (ends, asked) = (*ends, asked.clone());
            let ending = running.spawn("component", move |stop: Stop| async move {
                match ends {
                    Ends::WhenAsked => {
                        stop.asked().await;
                        asked.fetch_add(1, Ordering::SeqCst);
                        Ok(None)
                    }
                    Ends::Exiting => Ok(Some(3)),
                    Ends::Failing => Err(Error::Failed("as planned".to_owned())),
                    Ends::Panicking => panic!("as planned"),
                }
            });
            endings.push((ends, ending));
        }
        let (mut stop, mut is_asked) = (pin!(stop), false);
        let mut is_well = true;
        loop {
            tokio::select! {
                event = running.next() => match event {
                    None => break,
                    Some(Event::Exited { code, .. }) => assert_eq!(code, 3),
                    Some(Event::Failed { problem, .. }) => {
                        assert!(problem.to_string().contains("planned") || problem.to_string().contains("panicked"));
                        is_well = false;
                    }
                },
                () = &mut stop, if !is_asked => {
                    is_asked = true;
                    running.ask_to_stop();
                }
            }
        }
        for (ends, ending) in endings {
            let failed = matches!(ending.state(), TriggerState::Failed(_));
            assert_eq!(failed, matches!(ends, Ends::Failing | Ends::Panicking));
        }
        (is_well, asked.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn asked_to_stop_all_of_them_end_well() {
        let ended = run(&[Ends::WhenAsked, Ends::WhenAsked], ready(())).await;
        assert_eq!(ended, (true, 2));
        assert_eq!(run(&[], pending()).await, (true, 0));
    }

    #[tokio::test]
    async fn a_command_that_exits_stops_no_other() {
        let all = [Ends::WhenAsked, Ends::Exiting];
        let later = tokio::time::timeout(std::time::Duration::from_millis(50), pending::<()>());
        let ended = run(&all, async { drop(later.await) }).await;
        assert_eq!(ended, (true, 1));
        assert_eq!(run(&[Ends::Exiting], pending()).await, (true, 0));
    }

    #[tokio::test]
    async fn one_that_fails_stops_the_others() {
        for fails in [Ends::Failing, Ends::Panicking] {
            let all = [Ends::WhenAsked, fails, Ends::WhenAsked];
            assert_eq!(run(&all, pending()).await, (false, 2));
        }
    }
}
