//! Processes.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, geteuid, kill_process_group, test_kill_process};

/// A process with all that it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group(Pid);

/// The user that this process runs as.
pub fn user() -> u32 {
    geteuid().as_raw()
}

/// Whether a process exists.
pub fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // One that may not be signalled exists.
    pid.is_some_and(|pid| !matches!(test_kill_process(pid), Err(Errno::SRCH)))
}

/// When a process started, in ticks since boot; none where the system does not say, as without
/// `/proc`.
pub fn started(pid: u32) -> Option<u64> {
    // Field 22. Field 2 is the name of the program, which may contain blanks and brackets, so fields
    // are counted after the last bracket.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// The name of the program of a process, if the system says it.
pub fn program(pid: u32) -> Option<String> {
    let executable = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let name = executable.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    name.or_else(|| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(name.trim_end().to_owned())
    })
}

/// A command for the system's shell.
pub fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
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
        let child = command.process_group(0).spawn()?;
        let group = Self(Pid::from_child(&child));
        Ok((child, group))
    }

    /// Asks all of its processes to end.
    pub fn ask_to_end(self) {
        self.signal(Signal::TERM);
    }

    /// Ends all of its processes.
    pub fn kill(self) {
        self.signal(Signal::KILL);
    }

    fn signal(self, signal: Signal) {
        // It may have ended just now.
        let _ = kill_process_group(self.0, signal);
    }
}
