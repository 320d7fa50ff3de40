use tokio::sync::watch;

/// Asks triggers to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// Is ready once one of its two [`Stopper`]s asks, or is gone.
#[derive(Clone, Debug)]
pub(crate) struct Stop([watch::Receiver<bool>; 2]);

// === impl Stopper ===

impl Stopper {
    pub(crate) fn ask(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn has_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// What is ready once this one or another asks.
    pub(crate) fn stop_or(&self, other: &Self) -> Stop {
        Stop([self.0.subscribe(), other.0.subscribe()])
    }
}

impl Default for Stopper {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

// === impl Stop ===

impl Stop {
    pub(crate) async fn asked(self) {
        let [mut one, mut other] = self.0;
        // A dropped sender means to stop, too.
        tokio::select! {
            _ = one.wait_for(|asked| *asked) => {}
            _ = other.wait_for(|asked| *asked) => {}
        }
    }
}
