//! What asks a process to end, or to read its files again.

use std::io;

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
};

/// Ctrl-C, Ctrl-Break, the console that is closed, and the machine that is shut down. From the first
/// of these on, they do not end the process by themselves; the system ends it a few seconds after the
/// last two.
#[derive(Debug)]
pub struct Stop {
    interrupt: CtrlC,
    pause: CtrlBreak,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

/// What would ask to read files again: nothing does here.
#[derive(Debug)]
pub struct Hangups(());

// === impl Stop ===

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            pause: ctrl_break()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Waits for the next.
    pub async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.pause.recv() => {}
            _ = self.close.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}

// === impl Hangups ===

impl Hangups {
    /// Listens from now on.
    ///
    /// # Errors
    ///
    /// None.
    pub fn listen() -> io::Result<Self> {
        Ok(Self(()))
    }

    /// Waits for ever.
    pub async fn recv(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// Nothing: files have no limit of their size here.
///
/// # Errors
///
/// None.
pub fn survive_file_size_limit() -> io::Result<()> {
    Ok(())
}
