//! The terminal.

use std::io::{self, BufRead as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The terminal of standard input, while it does not show what is typed.
#[derive(Debug)]
pub struct Unseen(Termios);

// === impl Unseen ===

impl Unseen {
    /// Shows nothing from now on, until it is dropped.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn begin() -> io::Result<Self> {
        let usual = tcgetattr(io::stdin())?;
        let mut unseen = usual.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        // That a line has ended is shown.
        unseen.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Now, &unseen)?;
        Ok(Self(usual))
    }

    /// Waits, on this thread, for a line and its end.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn line() -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        io::stdin().lock().read_until(b'\n', &mut line)?;
        Ok(line)
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // Where it fails, the terminal is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
