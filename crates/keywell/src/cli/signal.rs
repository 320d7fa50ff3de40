use tokio::signal::unix::{SignalKind, signal};

use super::Failed;

/// Waits for SIGINT or SIGTERM. A second one ends the process at once, as if nobody listened.
pub(super) fn stop() -> Result<impl Future<Output = ()>, Failed> {
    let listen =
        |kind| signal(kind).map_err(|error| Failed::because("cannot listen to signals", error));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "asked twice, it ends without more ado"
            )]
            std::process::exit(130);
        });
    })
}
