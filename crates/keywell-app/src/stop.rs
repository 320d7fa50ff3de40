use tokio::sync::watch;

/// Asks triggers to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// Is ready once its [`Stopper`] asks, or is gone.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

/// A stopper and its stop.
pub(crate) fn stop() -> (Stopper, Stop) {
    let (stopping, stopped) = watch::channel(false);
    (Stopper(stopping), Stop(stopped))
}

// === impl Stopper ===

impl Stopper {
    pub(crate) fn ask(&self) {
        self.0.send_replace(true);
    }
}

// === impl Stop ===

impl Stop {
    pub(crate) async fn asked(mut self) {
        // A dropped sender means to stop, too.
        drop(self.0.wait_for(|asked| *asked).await);
    }
}
