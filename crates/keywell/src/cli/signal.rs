use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
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
    let listen =
        |kind| signal(kind).map_err(|error| Failed::because("cannot listen to signals", error));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let (asking, asked) = oneshot::channel::<()>();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        drop(asking);
        ASKED.notify_one();
        let mut again = pin!(either(&mut interrupt, &mut terminate));
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
pub(super) fn hangups() -> Result<Signal, Failed> {
    signal(SignalKind::hangup()).map_err(|error| Failed::because("cannot listen to signals", error))
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

/// Has writes past the limit of a file's size (`ulimit -f`) fail with an error, as those to a full
/// disk do. Without it the system ends the process by SIGXFSZ at the first of them.
pub(super) fn survive_file_size_limit() -> Result<(), Failed> {
    // That it has a handler is enough, and the handler outlives what is returned. To ignore a signal
    // takes unsafe code.
    let kind = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    signal(kind)
        .map(drop)
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

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
