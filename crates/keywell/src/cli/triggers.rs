//! Triggers, run together.

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
    /// Adds one, with the line that tells of it once all run.
    pub(super) fn add(&mut self, line: String, trigger: Trigger) {
        self.ready.push((line, trigger));
    }

    /// Runs all of them until `stop` is ready, and answers whether that was why they ended.
    ///
    /// One that fails is told at once, and stops the others as `stop` does: whether to start anew
    /// is for whoever watches over this process, who would not see that a part of it is gone.
    pub(super) async fn run(self, stop: impl Future<Output = ()>) -> bool {
        let (stopping, stopped) = watch::channel(false);
        let mut running = JoinSet::new();
        for (line, trigger) in self.ready {
            let mut stopped = stopped.clone();
            // That nobody can say any more to stop means to stop, too.
            let stop = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
            output::say(&line);
            running.spawn(trigger.run(stop));
        }
        let mut stop = std::pin::pin!(stop);
        let mut well = true;
        let mut asked = false;
        loop {
            tokio::select! {
                ended = running.join_next() => {
                    let problem = match ended {
                        None => return well,
                        // It ends well only when it is told to.
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
