use std::pin::Pin;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::Failed;

/// Waits for SIGINT or SIGTERM. A second one ends the process at once, whether or not anybody waited
/// for the first.
pub(super) fn stop() -> Result<impl Future<Output = ()>, Failed> {
    let listen =
        |kind| signal(kind).map_err(|error| Failed::because("cannot listen to signals", error));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let (asking, asked) = oneshot::channel::<()>();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        drop(asking);
        either(&mut interrupt, &mut terminate).await;
        #[expect(
            clippy::disallowed_methods,
            reason = "asked twice, it ends without more ado"
        )]
        std::process::exit(130);
    });
    Ok(async move { drop(asked.await) })
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
