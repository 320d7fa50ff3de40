//! Triggers, run together.

use std::pin::{Pin, pin};

use keywell_runtime::watch::WatchTrigger;
use keywell_runtime::{Error, HttpServer};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::output;

/// A trigger that is ready to run: its address is taken, or its watch is open.
pub(super) enum Trigger {
    Http(HttpServer),
    Watch(Box<WatchTrigger>),
}

/// Triggers that stop together.
#[derive(Default)]
pub(super) struct Triggers {
    ready: Vec<(String, Trigger)>,
}

// === impl Triggers ===

impl Triggers {
    /// Adds one, with the line to print once all run.
    pub(super) fn add(&mut self, line: String, trigger: Trigger) {
        self.ready.push((line, trigger));
    }

    /// Runs all of them until `stop` is ready, and answers whether that was why they ended.
    ///
    /// The error of one that fails is printed at once, and stops the others as `stop` does, so that a
    /// supervisor restarts the whole process rather than missing a part of it.
    pub(super) async fn run(self, stop: impl Future<Output = ()>) -> bool {
        let ready = self.ready.into_iter().map(|(line, trigger)| {
            output::say(&line);
            move |stop| trigger.run(stop)
        });
        together(ready, stop).await
    }
}

/// Says when to stop.
type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

async fn together<R, F>(ready: impl Iterator<Item = R>, stop: impl Future<Output = ()>) -> bool
where
    R: FnOnce(Stop) -> F,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let (stopping, stopped) = watch::channel(false);
    let mut running = JoinSet::new();
    for run in ready {
        let mut stopped = stopped.clone();
        // A dropped sender means to stop, too.
        let stop = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
        running.spawn(run(Box::pin(stop)));
    }
    let mut stop = pin!(stop);
    let mut well = true;
    let mut asked = false;
    loop {
        tokio::select! {
            ended = running.join_next() => {
                let problem = match ended {
                    None => return well,
                    // It ends well only when it is asked to stop.
                    Some(Ok(Ok(()))) => continue,
                    Some(Ok(Err(error))) => error.to_string(),
                    Some(Err(error)) => format!("a trigger ended: {error}"),
                };
                output::complain(&problem);
                well = false;
                stopping.send_replace(true);
            }
            () = &mut stop, if !asked => {
                asked = true;
                stopping.send_replace(true);
            }
        }
    }
}

// === impl Trigger ===

impl Trigger {
    async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), Error> {
        match self {
            Self::Http(server) => {
                server.serve(stop).await;
                Ok(())
            }
            Self::Watch(trigger) => trigger.run(stop).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// How a trigger ends.
    #[derive(Clone, Copy)]
    enum Ends {
        WhenAsked,
        Failing,
        Panicking,
    }

    /// Runs triggers that end so, and answers whether they ended well, and how many were asked to stop.
    async fn run(all: &[Ends], stop: impl Future<Output = ()>) -> (bool, usize) {
        let asked = Arc::new(AtomicUsize::new(0));
        let triggers = all.iter().map(|ends| {
            let (ends, asked) = (*ends, asked.clone());
            move |stop: Stop| async move {
                match ends {
                    Ends::WhenAsked => {
                        stop.await;
                        asked.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    }
                    Ends::Failing => Err(Error::Failed("as planned".to_owned())),
                    Ends::Panicking => panic!("as planned"),
                }
            }
        });
        let well = together(triggers, stop).await;
        (well, asked.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn asked_to_stop_all_of_them_end_well() {
        let ended = run(&[Ends::WhenAsked, Ends::WhenAsked], ready(())).await;
        assert_eq!(ended, (true, 2));
        assert_eq!(run(&[], pending()).await, (true, 0));
    }

    #[tokio::test]
    async fn one_that_fails_stops_the_others() {
        for fails in [Ends::Failing, Ends::Panicking] {
            let all = [Ends::WhenAsked, fails, Ends::WhenAsked];
            assert_eq!(run(&all, pending()).await, (false, 2));
        }
    }
}
