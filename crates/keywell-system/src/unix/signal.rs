//! What asks a process to end, or to read its files again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM. From the first of these on, they do not end the process by themselves.
#[derive(Debug)]
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

/// SIGHUP, which does not end the process from then on.
#[derive(Debug)]
pub struct Hangups(Signal);

// === impl Stop ===

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next.
    pub async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

// === impl Hangups ===

impl Hangups {
    /// Listens from now on.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Waits for the next.
    pub async fn recv(&mut self) {
        self.0.recv().await;
    }
}

/// Has writes past the limit of a file's size (`ulimit -f`) fail with an error, as those to a full
/// disk do. Without it the system ends the process by SIGXFSZ at the first of them.
///
/// # Errors
///
/// Those of the system.
pub fn survive_file_size_limit() -> io::Result<()> {
    // That it has a handler is enough, and the handler outlives what is returned. To ignore a signal
    // takes unsafe code.
    let kind = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    signal(kind).map(drop)
}
