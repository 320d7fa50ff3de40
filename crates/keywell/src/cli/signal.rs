use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use keywell_system::signal::{self, Hangups, Stop};
use tokio::sync::{Notify, oneshot};

use crate::cli::failed::Failed;

/// Asks the task of the command whether it still gets to run, and its answer.
static ASKED: Notify = Notify::const_new();
static HEEDED: Notify = Notify::const_new();

/// How long that task may be busy with one thing when it is asked to stop.
const PATIENCE: Duration = Duration::from_secs(2);

/// Waits for SIGINT or SIGTERM. A second one ends the process at once, whether or not the first was
/// waited for; so does the first where the command is stuck, because nothing reads what it writes say.
pub(super) fn stop() -> Result<impl Future<Output = ()>, Failed> {
    let mut signals = Stop::listen().map_err(cannot_listen)?;
    let (asking, asked) = oneshot::channel::<()>();
    tokio::spawn(async move {
        signals.recv().await;
        drop(asking);
        ASKED.notify_one();
        let mut again = pin!(signals.recv());
        let heeded = tokio::time::timeout(PATIENCE, HEEDED.notified());
        tokio::select! {
            () = again.as_mut() => {}
            heeded = heeded => if heeded.is_ok() {
                again.await;
            }
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "asked twice, or stuck, it ends without more ado"
        )]
        std::process::exit(130);
    });
    Ok(async move { drop(asked.await) })
}

/// SIGHUP, which asks to read files again. From now on it does not end the process.
pub(super) fn hangups() -> Result<Hangups, Failed> {
    Hangups::listen().map_err(cannot_listen)
}

/// Does a command, and shows between two of its steps that it is not stuck.
pub(super) async fn heeding<T>(command: impl Future<Output = T>) -> T {
    let heed = async {
        loop {
            ASKED.notified().await;
            HEEDED.notify_one();
        }
    };
    tokio::select! {
        done = command => done,
        () = heed => unreachable!("it goes on for ever"),
    }
}

/// Has writes past the limit of a file's size fail with an error, as those to a full disk do.
pub(super) fn survive_file_size_limit() -> Result<(), Failed> {
    signal::survive_file_size_limit()
        .map_err(|error| Failed::because("cannot handle SIGXFSZ", error))
}

/// What comes of some work, or nothing if it is to stop before.
pub(super) async fn unless<T, E>(
    stop: Pin<&mut impl Future<Output = ()>>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<Option<T>, E> {
    tokio::select! {
        biased;
        () = stop => Ok(None),
        done = work => done.map(Some),
    }
}

fn cannot_listen(error: io::Error) -> Failed {
    Failed::because("cannot listen to signals", error)
}
