//! Triggers that run together: one that fails stops the others, as being asked to does, so that a
//! supervisor restarts the whole process rather than missing a part of it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use keywell_runtime::Error;
use tokio::task::{Id, JoinSet};

use crate::TriggerError;
use crate::event::Event;
use crate::status::TriggerState;
use crate::stop::{Stop, Stopper, stop};

/// What a trigger ends with: a command's exit code, if it is one.
type Ended = Result<Option<u8>, Error>;

/// Triggers that run. Dropping it ends them at once.
pub(crate) struct Running {
    stopper: Stopper,
    stop: Stop,
    tasks: JoinSet<Ended>,
    components: HashMap<Id, String>,
}

/// Says whether a trigger runs, also when it does not any more.
#[derive(Clone, Default)]
pub(crate) struct Ending(Arc<OnceLock<TriggerState>>);

/// Stops the others where a trigger fails or panics.
struct Alarm {
    stopper: Stopper,
    ending: Ending,
}

// === impl Running ===

impl Running {
    /// Runs a trigger that calls a component.
    pub(crate) fn spawn<F>(&mut self, component: &str, run: impl FnOnce(Stop) -> F) -> Ending
    where
        F: Future<Output = Ended> + Send + 'static,
    {
        let ending = Ending::default();
        let alarm = Alarm {
            stopper: self.stopper.clone(),
            ending: ending.clone(),
        };
        let run = run(self.stop.clone());
        let task = self.tasks.spawn(async move {
            let ended = run.await;
            if ended.is_ok() {
                alarm.ending.set(TriggerState::Ended);
            } else if let Err(error) = &ended {
                alarm.ending.set(TriggerState::Failed(error.to_string()));
                alarm.stopper.ask();
            }
            drop(alarm);
            ended
        });
        self.components.insert(task.id(), component.to_owned());
        ending
    }

    /// Asks all of them to stop.
    pub(crate) fn ask_to_stop(&self) {
        self.stopper.ask();
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

impl Default for Running {
    fn default() -> Self {
        let (stopper, stop) = stop();
        Self {
            stopper,
            stop,
            tasks: JoinSet::new(),
            components: HashMap::new(),
        }
    }
}

// === impl Ending ===

impl Ending {
    pub(crate) fn state(&self) -> TriggerState {
        self.0.get().cloned().unwrap_or(TriggerState::Running)
    }

    fn set(&self, state: TriggerState) {
        // The first counts.
        drop(self.0.set(state));
    }
}

// === impl Alarm ===

impl Drop for Alarm {
    fn drop(&mut self) {
        if self.ending.state() == TriggerState::Running {
            self.ending
                .set(TriggerState::Failed("it panicked".to_owned()));
            self.stopper.ask();
        }
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
