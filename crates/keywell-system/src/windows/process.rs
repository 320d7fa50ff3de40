//! Processes.

use std::io;
use std::os::windows::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// A process with all that it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group(u32);

/// A signal from the terminal does not reach it.
const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;

/// The same number for every user: they have none here.
pub fn user() -> u32 {
    0
}

/// Whether a process exists. It is taken to, as the system is not asked: the lock of a store, which
/// names its holder, cannot be read here while it is held.
pub fn exists(_pid: u32) -> bool {
    true
}

/// When a process started; none, as the system is not asked.
pub fn started(_pid: u32) -> Option<u64> {
    None
}

/// The name of the program of a process; none, as the system is not asked.
pub fn program(_pid: u32) -> Option<String> {
    None
}

/// A command for the system's shell.
pub fn shell(line: &str) -> Command {
    let mut command = Command::new("cmd");
    // As it is: the shell has its own rules for quotes.
    command
        .args(["/D", "/S", "/C"])
        .raw_arg(format!("\"{line}\""));
    command
}

// === impl Group ===

impl Group {
    /// Starts a command as a group of its own: a signal from the terminal does not reach it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        let child = command.creation_flags(CREATE_NEW_PROCESS_GROUP).spawn()?;
        let group = Self(child.id());
        Ok((child, group))
    }

    /// Ends all of its processes: a program without a window cannot be asked to.
    pub fn ask_to_end(self) {
        self.kill();
    }

    /// Ends all of its processes, but for those whose parent has ended.
    pub fn kill(self) {
        let mut taskkill = Command::new("taskkill");
        taskkill.args(["/F", "/T", "/PID", &self.0.to_string()]);
        taskkill.stdin(Stdio::null()).stdout(Stdio::null());
        // It may have ended just now.
        let _ = taskkill.stderr(Stdio::null()).status();
    }
}
